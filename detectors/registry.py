"""Every detector, written by hand, in the order they are asked."""

from __future__ import annotations

from detectors.cms.b2evolution import B2EVOLUTION
from detectors.cms.cacti import CACTI
from detectors.cms.cakephp import CAKEPHP
from detectors.cms.chamilo import CHAMILO
from detectors.cms.cmsms import CMSMS
from detectors.cms.codeigniter import CODEIGNITER
from detectors.cms.codeigniter4 import CODEIGNITER4
from detectors.cms.concrete import CONCRETE
from detectors.cms.contao import CONTAO
from detectors.cms.coppermine import COPPERMINE
from detectors.cms.craft import CRAFT
from detectors.cms.django import DJANGO
from detectors.cms.dolibarr import DOLIBARR
from detectors.cms.dotenv import DOTENV
from detectors.cms.drupal import BACKDROP, DRUPAL
from detectors.cms.e107 import E107
from detectors.cms.elgg import ELGG
from detectors.cms.flarum import FLARUM
from detectors.cms.fluxbb import FLUXBB
from detectors.cms.gallery3 import GALLERY3
from detectors.cms.ghost import GHOST
from detectors.cms.glpi import GLPI
from detectors.cms.invision import INVISION
from detectors.cms.joomla import JOOMLA
from detectors.cms.kanboard import KANBOARD
from detectors.cms.laminas import LAMINAS
from detectors.cms.laravel import LARAVEL
from detectors.cms.limesurvey import LIMESURVEY
from detectors.cms.magento1 import MAGENTO1
from detectors.cms.magento2 import MAGENTO2
from detectors.cms.mantisbt import MANTISBT
from detectors.cms.matomo import MATOMO
from detectors.cms.mautic import MAUTIC
from detectors.cms.mediawiki import MEDIAWIKI
from detectors.cms.modx import MODX
from detectors.cms.moodle import MOODLE
from detectors.cms.mybb import MYBB
from detectors.cms.nextcloud import NEXTCLOUD
from detectors.cms.ojs import OJS
from detectors.cms.opencart import OPENCART
from detectors.cms.oscommerce import OSCOMMERCE
from detectors.cms.osticket import OSTICKET
from detectors.cms.phpbb import PHPBB
from detectors.cms.phplist import PHPLIST
from detectors.cms.piwigo import PIWIGO
from detectors.cms.postfixadmin import POSTFIXADMIN
from detectors.cms.prestashop import PRESTASHOP
from detectors.cms.processwire import PROCESSWIRE
from detectors.cms.rails import RAILS
from detectors.cms.roundcube import ROUNDCUBE
from detectors.cms.serendipity import SERENDIPITY
from detectors.cms.shopware import SHOPWARE
from detectors.cms.smf import SMF
from detectors.cms.spip import SPIP
from detectors.cms.suitecrm import SUITECRM
from detectors.cms.symfony import SYMFONY
from detectors.cms.textpattern import TEXTPATTERN
from detectors.cms.ttrss import TTRSS
from detectors.cms.typo3 import TYPO3
from detectors.cms.vbulletin import VBULLETIN
from detectors.cms.vtiger import VTIGER
from detectors.cms.whmcs import WHMCS
from detectors.cms.wordpress import WORDPRESS
from detectors.cms.xenforo import XENFORO
from detectors.cms.xoops import XOOPS
from detectors.cms.yii1 import YII1
from detectors.cms.yii2 import YII2
from detectors.cms.yourls import YOURLS
from detectors.cms.zencart import ZENCART
from detectors.cms.zend import ZEND
from detectors.detector import Detector

DETECTORS: tuple[Detector, ...] = (
    WORDPRESS,
    JOOMLA,
    DRUPAL,
    BACKDROP,
    MEDIAWIKI,
    PHPBB,
    MYBB,
    SMF,
    VBULLETIN,
    MOODLE,
    OPENCART,
    NEXTCLOUD,
    MAGENTO2,
    PRESTASHOP,
    TYPO3,
    CONCRETE,
    ROUNDCUBE,
    WHMCS,
    XOOPS,
    E107,
    PIWIGO,
    TEXTPATTERN,
    SERENDIPITY,
    B2EVOLUTION,
    DOLIBARR,
    SUITECRM,
    OSTICKET,
    ZENCART,
    LIMESURVEY,
    YII2,
    MODX,
    PROCESSWIRE,
    CONTAO,
    CMSMS,
    CAKEPHP,
    CODEIGNITER,
    CACTI,
    POSTFIXADMIN,
    TTRSS,
    MAGENTO1,
    MATOMO,
    FLARUM,
    INVISION,
    XENFORO,
    SHOPWARE,
    KANBOARD,
    MANTISBT,
    FLUXBB,
    PHPLIST,
    YOURLS,
    VTIGER,
    COPPERMINE,
    MAUTIC,
    OSCOMMERCE,
    CHAMILO,
    ELGG,
    GALLERY3,
    YII1,
    OJS,
    GLPI,
    SPIP,
    SYMFONY,
    LARAVEL,
    CRAFT,
    CODEIGNITER4,
    ZEND,
    LAMINAS,
    DOTENV,
    DJANGO,
    RAILS,
    GHOST,
)
