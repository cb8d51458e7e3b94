"""Which tables betray which application, and in which cells it states its version and its address.

Read off the applications' own install scripts' table names; a system is recognised only by all of its marks
under one prefix, chosen so that no other system has them all.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """`tables` without prefix, all needed, `never` none of them. `cells` are (field, table, key column, key,
    value column) with the fields version, schema, site, and extension (serialized texts); a key "" takes the first
    row. A site of several cells is put together by dumps.py."""

    system: str
    tables: tuple[str, ...]
    never: tuple[str, ...] = ()
    cells: tuple[tuple[str, str, str, str, str], ...] = ()


def _keyed(table: str, key: str, value: str, **keys: str) -> tuple[tuple[str, str, str, str, str], ...]:
    """Cells of one table of names and values; several names of one field are parted by spaces."""
    return tuple((field, table, key, name, value) for field, names in keys.items() for name in names.split())


MARKS: tuple[Mark, ...] = (
    Mark(
        "wordpress",
        ("options", "posts", "postmeta", "usermeta", "term_taxonomy"),
        cells=_keyed(
            "options", "option_name", "option_value",
            site="siteurl home", schema="db_version", extension="active_plugins", theme="stylesheet template",
        ),
    ),
    Mark("wordpress", ("options", "posts", "postmeta", "usermeta", "post2cat"), ("term_taxonomy",),
         cells=_keyed("options", "option_name", "option_value", site="siteurl home", schema="db_version")),
    Mark("joomla", ("extensions", "assets", "menu", "session"),
         cells=(("schema", "schemas", "", "", "version_id"),)),
    Mark("joomla", ("components", "core_acl_aro", "menu", "session"), ("extensions",)),
    Mark("drupal", ("variable", "system", "users", "node"), ("config",),
         cells=(*_keyed("variable", "name", "value", serialized_site="site_url"),
                ("info_version", "system", "name", "system", "info"),
                ("schema", "system", "name", "system", "schema_version"))),
    Mark("drupal", ("config", "key_value", "router"), ("variable",),
         cells=(("serialized_schema", "key_value", "name", "system", "value"),)),
    Mark("backdrop", ("state", "tempstore", "users"), ("variable", "key_value")),
    Mark("magento2", ("core_config_data", "setup_module", "eav_attribute"),
         cells=(*_keyed("core_config_data", "path", "value", site="web/secure/base_url web/unsecure/base_url"),
                ("schema", "setup_module", "module", "Magento_Catalog", "schema_version"))),
    Mark("magento1", ("core_config_data", "core_resource", "eav_attribute"), ("setup_module",),
         cells=(*_keyed("core_config_data", "path", "value", site="web/secure/base_url web/unsecure/base_url"),
                ("schema", "core_resource", "code", "core_setup", "version"))),
    Mark("prestashop", ("configuration", "shop_url", "product_lang", "hook_module"),
         cells=(*_keyed("configuration", "name", "value", version="PS_VERSION_DB PS_INSTALL_VERSION"),
                ("site", "shop_url", "", "", "domain"), ("path", "shop_url", "", "", "physical_uri"))),
    Mark("phpbb", ("config", "forums", "topics", "acl_options"),
         cells=_keyed("config", "config_name", "config_value", version="version", site="server_name",
                      path="script_path")),
    Mark("phpbb", ("config", "forums", "topics", "auth_access"),
         cells=_keyed("config", "config_name", "config_value", version="version", site="server_name",
                      path="script_path")),
    Mark("mybb", ("datacache", "settings", "threads", "usergroups"),
         cells=(*_keyed("settings", "name", "value", site="bburl"),
                ("cache_version", "datacache", "title", "version", "cache"))),
    Mark("piwigo", ("image_category", "categories", "images", "config"),
         cells=_keyed("config", "param", "value", version="piwigo_db_version", site="gallery_url")),
    Mark("osticket", ("thread_entry", "ticket", "help_topic", "config"),
         cells=_keyed("config", "key", "value", site="helpdesk_url", schema="schema_signature")),
    Mark("osticket", ("ticket_thread", "ticket", "help_topic", "config"), ("thread_entry",),
         cells=_keyed("config", "key", "value", site="helpdesk_url", schema="schema_signature")),
    Mark("xoops", ("newblocks", "modules", "groups_users_link", "config")),
    Mark("e107", ("core", "plugin", "user_extended", "links")),
    Mark("modx", ("site_content", "system_settings", "site_templates"),
         cells=_keyed("system_settings", "key", "value", version="settings_version", site="site_url")),
    Mark("modx", ("site_content", "site_tmplvars", "system_settings"), ("context",),
         cells=_keyed("system_settings", "setting_name", "setting_value", version="settings_version",
                      site="site_url")),
    Mark("processwire", ("fields", "templates", "fieldgroups", "pages")),
    Mark("mediawiki", ("page", "revision", "site_stats", "recentchanges")),
    Mark("smf", ("boards", "log_topics", "membergroups", "settings"),
         cells=_keyed("settings", "variable", "value", version="smfVersion")),
    Mark("vbulletin", ("setting", "datastore", "usergroup", "forumpermission"),
         cells=_keyed("setting", "varname", "value", version="templateversion", site="bburl")),
    Mark("moodle", ("course_modules", "config_plugins", "course_sections", "config"),
         cells=_keyed("config", "name", "value", version="release", schema="version")),
    Mark("opencart", ("setting", "product_description", "length_class", "customer_group"),
         cells=_keyed("setting", "key", "value", site="config_ssl config_url")),
    Mark("nextcloud", ("appconfig", "filecache", "storages", "preferences")),
    Mark("matomo", ("log_visit", "log_link_visit_action", "option", "site"),
         cells=(*_keyed("option", "option_name", "option_value", version="version_core"),
                ("site", "site", "", "", "main_url"))),
    Mark("textpattern", ("textpattern", "txp_prefs", "txp_section"),
         cells=_keyed("txp_prefs", "name", "val", version="version", site="siteurl")),
    Mark("typo3", ("tt_content", "be_users", "pages")),
    Mark("spip", ("rubriques", "auteurs", "articles", "meta"),
         cells=_keyed("meta", "nom", "valeur", site="adresse_site", schema="version_installee")),
    Mark("serendipity", ("entries", "entrycat", "entryproperties", "plugins")),
    Mark("dolibarr", ("societe", "facture", "propal", "const"),
         cells=_keyed("const", "name", "value", version="MAIN_VERSION_LAST_UPGRADE MAIN_VERSION_LAST_INSTALL")),
    Mark("suitecrm", ("accounts", "acl_actions", "vcals", "upgrade_history")),
    Mark("roundcube", ("cache_index", "contactgroups", "identities"),
         cells=_keyed("system", "name", "value", schema="roundcube-version")),
    Mark("limesurvey", ("surveys", "question_attributes", "labelsets", "quota")),
    Mark("whmcs", ("tblconfiguration", "tblclients", "tblinvoices"),
         cells=_keyed("tblconfiguration", "setting", "value", version="Version", site="SystemURL")),
    Mark("xenforo", ("xf_option", "xf_thread", "xf_node"),
         cells=_keyed("xf_option", "option_id", "option_value", site="boardUrl", schema="currentVersionId")),
    Mark("zencart", ("configuration_group", "products_description", "project_version"),
         cells=(("version", "project_version", "", "", "project_version_major"),)),
    Mark("oscommerce", ("configuration_group", "products_description", "orders_total"), ("project_version",)),
    Mark("contao", ("tl_article", "tl_content", "tl_module")),
    Mark("cmsms", ("siteprefs", "content_props", "modules")),
    Mark("concrete", ("CollectionVersions", "Collections", "Pages")),
    Mark("cacti", ("data_template_rrd", "poller_output", "graph_templates")),
    Mark("flarum", ("discussions", "tags", "group_permission", "access_tokens")),
    Mark("mantisbt", ("bug_table", "bugnote_table", "user_pref_table")),
    Mark("glpi", ("glpi_computers", "glpi_configs", "glpi_tickets"),
         cells=_keyed("glpi_configs", "name", "value", version="version", site="url_base")),
    Mark("ghost", ("posts_tags", "permissions_roles", "settings", "posts_authors")),
)  # fmt: skip
