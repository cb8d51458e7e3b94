"""Small dumps as mariadb-dump writes them, and their parts."""

from __future__ import annotations

from collections.abc import Iterator

HEAD = b"""/*M!999999\\- enable the sandbox mode */
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: shop
-- ------------------------------------------------------
-- Server version\t10.11.19-MariaDB-0+deb12u1

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
"""
TAIL = b"""/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;

-- Dump completed on 2026-01-02  3:04:05
"""
POSTS = b"""DROP TABLE IF EXISTS `posts`;
CREATE TABLE `posts` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `title` varchar(200) NOT NULL,
  `made` datetime NOT NULL DEFAULT '0000-00-00 00:00:00',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
LOCK TABLES `posts` WRITE;
/*!40000 ALTER TABLE `posts` DISABLE KEYS */;
INSERT INTO `posts` VALUES
(1,'first; it\\'s \\"quoted\\"\\n-- not a comment','2026-01-01 10:00:00'),
(2,'zweite \xc3\xa4\xf0\x9f\x90\xa6 \\\\','0000-00-00 00:00:00');
INSERT INTO `posts` VALUES
(3,'','2026-01-02 03:04:05');
/*!40000 ALTER TABLE `posts` ENABLE KEYS */;
UNLOCK TABLES;
"""
OBJECTS = b"""/*!50001 CREATE VIEW `titles` AS SELECT
 1 AS `title` */;
/*!50003 SET sql_mode = 'STRICT_TRANS_TABLES' */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `stamp` BEFORE INSERT ON `posts`
FOR EACH ROW BEGIN SET NEW.title = TRIM(NEW.title); END */;;
CREATE DEFINER=`root`@`localhost` FUNCTION `twice`(n INT) RETURNS int(11)
    DETERMINISTIC
RETURN n * 2 ;;
DELIMITER ;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `titles` AS select `posts`.`title` AS `title`,`twice`(`posts`.`id`) AS `n` from `posts` */;
"""


def dump(*parts: bytes) -> bytes:
    """A whole dump around these parts."""
    return HEAD + b"".join(parts) + TAIL


def chunks(data: bytes, size: int = 1000) -> Iterator[bytes]:
    """The bytes in pieces."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


class Again:
    """A stream that can be read again, as a staged dump is: a load takes the quick way first."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __iter__(self) -> Iterator[bytes]:
        return chunks(self.data, 65536)
