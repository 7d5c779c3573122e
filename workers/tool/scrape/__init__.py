"""scrape: a web page's text, by a fetcher that reaches public addresses only.

`open_scrape(settings.scrape)` opens the tool. A call: robots.txt is asked (`robots`), the file is fetched to
the disk, its kind is told (`kinds`), and a process that can be killed finds what it says (`reading`).
"""

from workers.tool.scrape.tool import Scrape, open_scrape

__all__ = ["Scrape", "open_scrape"]
