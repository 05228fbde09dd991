"""What two versions of MariaDB say differently of the very same thing, said in one way.

Nothing is left out that another fact does not hold exactly: it is named beside each.
"""

import collections
import re

from photo import Photo

WORDS = tuple((re.compile(pattern), instead) for pattern, instead in (
    (r"\butf8(?=_|\b)", "utf8mb3"),  # its name from 10.6 on
    (r"/\*!100301 COMPRESSED", "/*M!100301 COMPRESSED"),
    (r' "version_id": \d+,', ""),  # of the server that made the account
    (r'"access": (?:549755813887|1099511627775),', '"access": all,'),  # the later has more privileges
    (r"(`PAGE_\w+`)='(\d+)'", r"\1=\2"),
    (r"( INVISIBLE)((?: DEFAULT [^\s,]+| AUTO_INCREMENT)+)", r"\2\1"),
    # 10.5 and 11.8 print a quote in these as it is: "account facts", "foreign key".
    (r" REQUIRE ISSUER .*? CIPHER ", " REQUIRE … CIPHER "),
    (r"CONSTRAINT `\S.*?` FOREIGN KEY", "CONSTRAINT … FOREIGN KEY"),
    # A default of bytes is text to one, and hexadecimal digits to the other: "default".
    (r"(binary\(\d+\)(?: /\*M!100301 COMPRESSED\*/)?(?: NOT NULL)?) DEFAULT x?'(?:[^'\\]|\\.)*'", r"\1 DEFAULT …"),
))
PROXY = "GRANT PROXY ON "
# The last moment of TIMESTAMP, up to which a row of the present is there.
PRESENT = {"2106-02-07 06:28:15.999999": "2038-01-19 03:14:07.999999"}


def _text(text):
    if text.startswith(PROXY):
        return text.replace("'", "`")
    for pattern, instead in WORDS:
        text = pattern.sub(instead, text)
    return text


def common(things):
    """As either version would say it."""
    # 11.8 has all options of a server in one more column: "server".
    out = Photo.renamed({key: value for key, value in things.items() if key[0] != "server options"}, _text)
    views = {key[1:] for key in out if key[0] == "view facts"}
    for key, value in out.items():
        if key[0] == "column":
            value = dict(value)
            if key[1:3] in views:
                value["COLUMN_TYPE"] = re.sub(r"\(\d+\)", "", value["COLUMN_TYPE"])  # how wide it is shown
            if value["DATA_TYPE"] in ("binary", "varbinary"):
                value["COLUMN_DEFAULT"] = value["COLUMN_DEFAULT"] is not None
            out[key] = value
        elif key[0] == "parameter" and value["COLLATION_NAME"]:
            # Of a parameter whose author named none it is asked for anew by each server: "create routines" has the author's words.
            value = dict(value)
            value["COLLATION_NAME"] = re.sub(r"(?<=^utf8mb[34])_(?:uca1400_ai|general)_ci$", "_…", value["COLLATION_NAME"])
            out[key] = value
        elif isinstance(value, collections.Counter):
            out[key] = collections.Counter({tuple(PRESENT.get(cell, cell) for cell in row): n for row, n in value.items()})
    return out
