"""What every page of ours must hold to in a browser: it shows what is asked for, legibly, at any width, with a name for
every part.

Takes a Browser with the page open. Screenshots go to target/page/.
"""

import os

from .processes import Failure, NotYet, until

# Text that people must be able to read: WCAG 2.2 asks for 4.5 to 1.
CONTRAST = """(() => {
  const channel = (value) => (value /= 255) <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4;
  const light = ([red, green, blue]) => .2126 * channel(red) + .7152 * channel(green) + .0722 * channel(blue);
  const colour = (text) => text.match(/[0-9.]+/g).map(Number);
  const behind = (node) => {
    const found = colour(getComputedStyle(node).backgroundColor);
    return found[3] === 0 ? behind(node.parentElement) : found;
  };
  const poor = [];
  for (const node of document.body.querySelectorAll("*")) {
    if (![...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim())) continue;
    if (!node.getClientRects().length) continue;
    const [one, other] = [light(colour(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
    if ((one + .05) / (other + .05) < 4.5) poor.push(node.textContent.slice(0, 40));
  }
  return poor;
})()"""
# Regions that a screen reader could not tell apart, controls without a name, and more than one first heading.
UNNAMED = """(() => {
  const named = (one) => one.ariaLabel || document.getElementById(one.getAttribute("aria-labelledby"))?.textContent;
  const regions = [...document.querySelectorAll("section, [role=region]")];
  const unnamed = regions.filter((one) => !named(one)).map((one) => one.outerHTML);
  const controls = [...document.querySelectorAll("a, button, summary")];
  const nameless = controls.filter((one) => !(one.ariaLabel || one.textContent.trim()));
  const headings = [...document.querySelectorAll("h1")];
  return [...unnamed, ...nameless, ...headings.slice(1)].map((one) => String(one.outerHTML ?? one).slice(0, 80));
})()"""


def shows(browser, *wanted):
    """Waits until the page's text has all of this; gives the text."""

    def look():
        text = browser.evaluate("document.body?.innerText ?? ''")
        if missing := [one for one in wanted if one not in text]:
            raise NotYet(f"no {missing} in: {text[:1500]}")
        return text

    return until(f"the page shows {wanted}", 40, look)


def require(what, holds, seen=""):
    if not holds:
        raise Failure(f"{what}: {seen}")


def legible_and_whole(browser, name):
    """At the width of a desk and of a telephone, in light and dark: nothing off the page, all text legible, every part named."""
    os.makedirs("target/page", exist_ok=True)
    for scheme in ("light", "dark"):
        for width in (1280, 400):
            browser.resize(width, 900, scheme)
            wide = browser.evaluate("document.documentElement.scrollWidth")
            require(f"at {width} px nothing runs off the page", wide <= width, f"{wide} px wide")
            poor = browser.evaluate(CONTRAST)
            require(f"all text is legible ({scheme})", poor == [], poor)
            browser.screenshot(f"target/page/{name}-{scheme}-{width}.png")
    unnamed = browser.evaluate(UNNAMED)
    require("every part has a name", unnamed == [], unnamed)
