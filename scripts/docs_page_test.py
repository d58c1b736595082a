#!/usr/bin/env python3
"""The API's page at /docs in headless Chromium: every call is on it, one is made from it, and it asks nobody else.

Run by `make docs-page-test`. Leaves screenshots in target/docs-page/. Exit status: 0 when every check passed, 1 when one did not.
"""

import json
import os
import sys
import urllib.request

from local.api import start_api
from local.browser import Browser
from local.environment import environment
from local.page import require
from local.processes import NotYet, until
from local.story import ROOT, run

# Types as a person would: React hears of a value only from the setter of its prototype.
TYPE = """((field, text) => {
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, text);
  field.dispatchEvent(new Event("input", { bubbles: true }));
})"""


def appears(browser, what, expression):
    """Waits until the expression is true in the page."""

    def look():
        if found := browser.evaluate(f"Boolean({expression})"):
            return found
        raise NotYet(browser.evaluate("document.body?.innerText ?? ''")[:1500] + f" {browser.faults}")

    return until(what, 40, look)


def tell(story):
    url, key, _ = start_api(story)
    with urllib.request.urlopen(f"{url}/openapi.json", timeout=5) as reply:
        document = json.load(reply)
    wanted = sorted(f"{method.upper()} {path}" for path, operations in document["paths"].items() for method in operations)

    story.begin("page")
    browser = Browser(story.processes, environment())
    browser.open(f"{url}/docs", 1280, 900, "light")
    appears(browser, "the calls are shown", f"document.querySelectorAll('.opblock').length >= {len(wanted)}")
    # Zero-width spaces are where a path may be broken.
    # What the service posts of its own accord is no call.
    shown = browser.evaluate("[...document.querySelectorAll('.opblock-summary')].filter((one) => !one.closest('.webhooks'))"
                             ".map((one) => "
                             "`${one.querySelector('.opblock-summary-method').textContent} "
                             "${one.querySelector('.opblock-summary-path').textContent.replaceAll('\\u200b', '')}`)")
    require("every call of the document is on the page", sorted(shown) == wanted, sorted(shown))
    story.say(f"{len(shown)} calls")

    story.begin("call")
    browser.evaluate("document.querySelector('.auth-wrapper .authorize').click()")
    appears(browser, "keys are asked for", "document.querySelector('.dialog-ux input')")
    browser.evaluate(f"{TYPE}(document.querySelector('.dialog-ux input'), {json.dumps(key)})")
    browser.evaluate("document.querySelector('.dialog-ux .auth-btn-wrapper .authorize').click()")
    appears(browser, "the key is taken", "document.querySelector('.dialog-ux .auth-btn-wrapper').innerText.includes('Logout')")
    browser.evaluate("document.querySelector('.dialog-ux .btn-done').click()")
    block = "document.querySelector('#operations-deployments-listDeployments')"
    browser.evaluate(f"{block}.querySelector('.opblock-summary-control').click()")
    appears(browser, "the call's examples are shown", f"{block}?.innerText.includes('curl -sS \"{url}/api/deployments\"')")
    require("and for fetch", browser.evaluate(f"{block}.innerText.includes('await fetch(`{url}/api/deployments`')"))
    browser.evaluate(f"{block}.querySelector('.execute').click()")
    appears(browser, "the call's answer is shown", f"{block}.querySelector('.live-responses-table .response-col_status')")
    answer = browser.evaluate(f"{block}.querySelector('.live-responses-table').innerText")
    right = "200" in answer.split() and '"success": true' in answer
    require("GET /api/deployments, made from the page, is answered 200", right, answer)
    story.say("GET /api/deployments with the key: 200")

    story.begin("sizes")
    os.makedirs("target/docs-page", exist_ok=True)
    for width in (1280, 400):
        browser.resize(width, 900, "light")
        browser.screenshot(f"target/docs-page/{width}.png")
        wide = browser.evaluate("document.documentElement.scrollWidth")
        require(f"at {width} px nothing runs off the page", wide <= width, f"{wide} px wide")
    kept = browser.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])")
    require("the key is kept nowhere", key not in kept, kept)
    require("nothing went wrong in the browser, and nobody else was asked", browser.faults == [], browser.faults)
    story.say("whole at 1280 and 400 px: target/docs-page/*.png; no error, no other host, no key kept")


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(run("docs-page", tell))
