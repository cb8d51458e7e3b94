"""Customers told from a backup of which no customers file survived."""

from __future__ import annotations

from restore.model.incident import OldServer
from restore.model.survey import Customer
from restore.survey.homes import list_customers
from restore.survey.listing import list_dumps
from tests.memory.source import MemorySource

SERVER = OldServer("web1", "backup", "web1", "", "mail1", ("db1",))
APACHE = b"""
<VirtualHost *:80>
    ServerName alice.example
    ServerAlias www.alice.example *.wild.example
    DocumentRoot "/home/alice/public_html"
</VirtualHost>
<VirtualHost *:443>
  servername bob.example:443
  DocumentRoot /home/bob/www
</VirtualHost>
<VirtualHost *:80>
  ServerName thief.example
  DocumentRoot /home/alice-not-his
</VirtualHost>
"""
NGINX = b"server { listen 80; \n server_name carolina.example www.carolina.example;\n root /home/carolina12/htdocs; }\n"


def told() -> dict[str, Customer]:
    dumps = ("alice_shop", "alice_b_x", "carolina_x", "blog", "alicex")
    files = {f"web1/var/backups/mysql/{name}.sql".encode(): b"x" for name in dumps}
    files |= {
        f"web1/home/{name}/public_html/index.php".encode(): b""
        for name in ("alice", "alice_b", "bob", "carolina12")
    }
    files[b"web1/etc/apache2/sites-available/all.conf"] = APACHE
    files[b"web1/etc/nginx/conf.d/carolina.conf"] = NGINX
    source = MemorySource("backup", files)
    notes: list[str] = []
    found = list_customers(SERVER, source, tuple(list_dumps(SERVER, source, notes)), notes)
    return {one.name: one for one in found}


def test_each_home_is_a_customer_with_the_domains_served_from_it() -> None:
    domains = {name: one.domains for name, one in told().items()}

    assert domains == {
        "alice": ("alice.example", "www.alice.example"),
        "alice_b": (),
        "bob": ("bob.example",),
        "carolina12": ("carolina.example", "www.carolina.example"),
    }


def test_databases_are_given_by_name_and_one_that_fits_two_to_both() -> None:
    databases = {name: one.databases for name, one in told().items()}

    assert databases == {
        "alice": ("alice_b_x", "alice_shop"),
        "alice_b": ("alice_b_x",),
        "bob": (),
        "carolina12": ("carolina_x",),
    }
    assert not any(one.listed for one in told().values())
