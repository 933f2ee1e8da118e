"""The dashboard in a real browser, from a real service: its numbers are the API's, its controls work."""

from __future__ import annotations

import re
from contextlib import contextmanager
from itertools import pairwise

import pytest

from made_outlooks import JOURNAL, ahead, record, with_horizons, write_journal
from made_runs import QUALITY, run
from real_browser import Watched, accessibility_faults, chromium, expect
from real_service import EVENING, TOKEN, here, settings_of
from tickgraph.market.calendar import sessions
from tickgraph.market.spelling import Symbol
from tickgraph.operations.watch import RunSummary
from tickgraph.pipeline.jobs import Job

KEY = "a-key-of-the-tests"
WAIT = 30_000

expect.set_options(timeout=WAIT)


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def open_here(trained_dir, prices_dir, config, tmp_path_factory):
    """``with open_here(**serve)`` is a service whose models forecast every horizon, XOM's the next session alone."""
    folder = tmp_path_factory.mktemp("runtime")

    @contextmanager
    def opened(now=lambda: EVENING, prices=prices_dir, models=trained_dir, **serve):
        with pytest.MonkeyPatch.context() as patch:
            with_horizons(patch, ("AAPL", "MSFT", "JPM"))
            with here(settings_of(models, prices, config, runtime_dir=folder, **serve), now) as service:
                yield service

    return opened


@pytest.fixture(scope="module")
def service(open_here):
    with open_here(admin_token=TOKEN) as running:
        yield running


@pytest.fixture
def own_journal(service):
    """``own_journal(symbol)`` puts forecasts of the last sessions of December into the service's log."""
    folder = service.service.settings.operations_dir

    def logged(symbol):
        days = sessions("2022-12-05", "2022-12-30")
        write_journal(
            folder,
            *(
                record(symbol, str(day), str(to), f"{to}T12:00", **ahead(str(day), 1, 5))
                for day, to in pairwise(days)
            ),
        )

    yield logged
    (folder / "journal" / JOURNAL).unlink(missing_ok=True)


@pytest.fixture
def visit(browser):
    """``visit(url, **context)`` opens a page that must complain of nothing, and gives it."""
    contexts, pages = [], []

    def opened(url, *, complains=False, **words):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **words})
        context.set_default_timeout(WAIT)
        contexts.append(context)
        watched = Watched(context.new_page())
        if not complains:
            pages.append(watched)
        watched.page.goto(url)
        watched.page.locator("main h1").wait_for()
        settled(watched.page)
        return watched.page

    yield opened
    said = [line for watched in pages for line in watched.complaints]
    strangers = [url for watched in pages for url in watched.asked if "//127.0.0.1:" not in url]
    for context in contexts:
        context.close()
    assert said == []
    assert strangers == []


def settled(page):
    """Wait until nothing is loading any more."""
    page.locator(".loading").first.wait_for(state="detached")


def dollars(value):
    return f"{value:,.2f}"


def number(text):
    return float(re.sub(r"[^\d.]", "", text.replace("−", "-")))


def test_the_overview_has_the_numbers_of_the_api(visit, service):
    page = visit(service.url)
    answer = service.get("/overview").json()
    rows = page.locator("table.symbols tbody tr")
    texts = rows.all_inner_texts()
    assert len(texts) == len(answer["symbols"]) == 42
    for text, entry in zip(texts, answer["symbols"], strict=True):
        assert text.startswith(entry["symbol"])
        assert dollars(entry["last_close"]) in text
        assert ("Momentum" in text) == (entry["status"] == "momentum")
        for move in filter(None, (entry["week"], entry["month"])):
            assert f"±{dollars(move['expected_move'])}" in text
            assert f"{dollars(move['lower'])} – {dollars(move['upper'])}" in text
    assert sum(entry["month"] is not None for entry in answer["symbols"]) == 3


def test_the_overview_is_sorted_searched_and_filtered_and_its_address_keeps_that(visit, service):
    page = visit(service.url)
    names = page.locator("table.symbols tbody th a")
    page.get_by_role("button", name="Month").click()
    expect(page.get_by_role("columnheader", name="Month")).to_have_attribute("aria-sort", "descending")
    entries = [entry for entry in service.get("/overview").json()["symbols"] if entry["month"]]
    most = max(entries, key=lambda entry: entry["month"]["expected_move"] / entry["last_close"])
    expect(names.first).to_have_text(most["symbol"])
    page.get_by_label("Search").fill("energy")
    expect(page.locator(".found")).to_have_text("3 of 42 symbols")
    assert accessibility_faults(page) == []
    page.get_by_label("Status").select_option("With a model")
    expect(names).to_have_text(["XOM"])
    again = visit(page.url)
    expect(again.locator("table.symbols tbody th a")).to_have_text(["XOM"])
    page.get_by_label("Search").fill("nothing like it")
    page.get_by_role("button", name="Show every symbol").click()
    expect(names).to_have_count(42)


def test_the_overview_is_walked_by_keys(visit, service):
    page = visit(service.url)
    page.locator("table.symbols tbody th a").first.focus()
    for key in ("ArrowDown", "ArrowDown", "PageDown", "ArrowUp", "End", "Home"):
        page.keyboard.press(key)
    assert page.evaluate("() => document.activeElement.textContent") == "AAPL"
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("AAPL")
    assert page.evaluate("() => document.activeElement.id") == "main"
    page.keyboard.press("Control+k")
    page.keyboard.type("msft")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("MSFT")


def test_an_event_brings_the_overview_up_to_date(visit, service):
    page = visit(service.url)
    expect(page.locator(".connection")).to_have_text("Live")
    with page.expect_request("**/overview"):
        service.service.streams.changed(["AAPL"])


def test_a_symbols_page_has_the_numbers_of_the_api(visit, service):
    page = visit(f"{service.url}/#/symbol/AAPL?expiry=2023-01-20&strike=128&price=131")
    answer = service.get("/forecast/AAPL/distribution?expiry=2023-01-20&price=131").json()
    panel = page.locator("section", has=page.get_by_role("heading", name="Close on Fri, 20 Jan 2023"))
    text = panel.inner_text()
    assert f"±{dollars(answer['expected_move'])}" in text
    assert dollars(answer["mean"]) in text
    for interval in answer["intervals"]:
        assert f"{dollars(interval['lower'])} – {dollars(interval['upper'])}" in text
    shown = panel.locator(".quantiles dd").all_inner_texts()
    assert shown == [dollars(quantile["close"]) for quantile in answer["quantiles"]]
    path = service.get("/forecast/AAPL/fan?price=131").json()["path"]
    reading = page.locator(".reading").inner_text()
    ahead = next(session for session in path if session["expiry"] == "2023-01-20")
    assert f"{dollars(ahead['lower'][1])} – {dollars(ahead['upper'][1])}" in reading
    matrix = service.get("/symbols/AAPL/graph").json()
    cells = page.locator("table.matrix tbody td").all_inner_texts()
    assert len(cells) == len(matrix["nodes"]) ** 2
    assert float(cells[1]) == round(matrix["correlations"][0][1], 2)
    figures = service.get("/symbols/AAPL").json()["metadata"]["performance_metrics"]["out_of_sample"]
    model = page.locator("section", has=page.get_by_role("heading", name="The model")).inner_text()
    assert f"{100 * figures['hit_rate']:.1f} %" in model
    assert f"{figures['ic']:.3f}".replace("-", "−") in model


def test_the_odds_of_a_strike_are_those_of_the_api(visit, service):
    page = visit(f"{service.url}/#/symbol/AAPL?expiry=2023-02-01")
    field = page.get_by_role("textbox", name="Strike, in dollars")
    names = ("probability_below", "probability_above", "probability_touched")
    for strike in (115.5, 131, 148.25):
        field.fill(f"{strike}")
        field.press("Enter")
        odds = page.locator(".odds[data-exact=true]")
        expect(page.get_by_role("slider", name="Strike")).to_have_attribute("aria-valuenow", f"{strike:g}")
        answer = service.get(f"/forecast/AAPL/probability?expiry=2023-02-01&strike={strike}").json()
        expect(odds.locator("dd")).to_contain_text([f"{100 * answer[name]:.1f} %" for name in names] + ["%"])


def test_a_strike_is_moved_by_keys_and_by_hand_and_the_address_keeps_it(visit, service):
    page = visit(f"{service.url}/#/symbol/AAPL?strike=130")
    handle = page.get_by_role("slider", name="Strike")
    handle.focus()
    page.keyboard.press("ArrowRight")
    expect(handle).not_to_have_attribute("aria-valuenow", "130")
    assert float(handle.get_attribute("aria-valuenow")) > 130
    box = page.locator(".histogram").bounding_box()
    y = box["y"] + 120
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.3, y, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile(r"strike=(?!130)"))
    dragged = float(handle.get_attribute("aria-valuenow"))
    assert dragged < 130
    assert f"strike={dragged:g}" in page.url
    again = visit(page.url)
    assert float(again.get_by_role("slider", name="Strike").get_attribute("aria-valuenow")) == dragged
    page.get_by_role("textbox", name="Strike, in dollars").fill("much")
    page.get_by_role("textbox", name="Strike, in dollars").press("Enter")
    expect(page.locator("#strike-fault")).to_have_text("Write a strike such as 135.")


def test_the_chain_has_the_numbers_of_the_api_and_a_cell_takes_its_strike_and_expiry(visit, service):
    page = visit(f"{service.url}/#/symbol/AAPL")
    table = page.locator("table.chain")
    strikes = [number(text) for text in table.locator("tbody th").all_inner_texts()]
    asked = {"expiries": ["2023-01-20"], "strikes": strikes}
    (expiry,) = service.post("/forecast/AAPL/chain", json=asked).json()["expiries"]
    column = table.locator("thead th").all_inner_texts().index("20 Jan\n13 sessions")
    for choice, values in (("Above", "probability_above"), ("Touched", "probability_touched")):
        page.get_by_role("group", name="What the chain shows").get_by_role("button", name=choice).click()
        shown = table.locator(f"tbody td:nth-child({column + 1})").all_inner_texts()
        assert shown == [f"{100 * value:.1f} %" for value in expiry[values]]
    table.locator("button[tabindex='0']").focus()
    page.keyboard.press("Home")
    for key in ["ArrowRight"] * (column - 1) + ["ArrowDown", "Enter"]:
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="Close on Fri, 20 Jan 2023")).to_be_visible()
    below = max(strike for strike in strikes if strike < nearest_to(strikes, 129.93))
    expect(page.get_by_role("slider", name="Strike")).to_have_attribute("aria-valuenow", f"{below:g}")


def nearest_to(strikes, price):
    return min(strikes, key=lambda strike: abs(strike - price))


def test_pasted_and_uploaded_quotes_stand_beside_the_forecast(visit, service, tmp_path):
    page = visit(f"{service.url}/#/symbol/AAPL?price=130", complains=True)  # the browser itself logs the 422
    page.get_by_text("Set the market's quotes beside the forecast").click()
    assert accessibility_faults(page) == []
    field = page.get_by_label("Quotes, with a line that names the columns")
    field.fill("expiry,strike,type,iv\n2023-01-20,130,call,high")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("alert").first).to_contain_text("row 2, column iv: a number was expected")
    page.get_by_role("button", name="Back to the forecast alone").click()
    text = (
        "expiry,strike,type,iv\n2023-01-20,130,call,0.3\n2023-01-20,140,call,0.28\n2024-01-19,130,call,0.3\n"
    )
    (tmp_path / "quotes.csv").write_text(text)
    page.get_by_label("Or a file").set_input_files(tmp_path / "quotes.csv")
    expect(page.get_by_role("button", name="Difference")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".chain-notes")).to_contain_text("2024-01-19")
    quotes = {"expiry": "2023-01-20", "strikes": [130, 140], "implied_volatilities": [0.3, 0.28]}
    answer = service.post("/forecast/AAPL/chain", json={"quotes": [quotes], "price": 130}).json()
    cells = page.locator("table.chain tbody td").all_inner_texts()
    signs = [
        f"{'−' if value < 0 else '+'}{100 * abs(value):.1f} %"
        for value in answer["expiries"][0]["difference"]
    ]
    assert cells == signs[::-1]
    page.get_by_role("button", name="The forecast alone").click()
    expect(page.get_by_role("button", name="Difference")).to_have_count(0)


def test_a_template_is_taken_and_changed_and_its_link_opens_the_same(visit, service):
    page = visit(f"{service.url}/#/strategy/AAPL?expiry=2023-01-20")
    expect(page.get_by_text("No leg yet.")).to_be_visible()
    templates = service.get("/forecast/AAPL/templates?expiry=2023-01-20").json()["templates"]
    cards = page.locator(".templates button")
    assert [text.lower().replace(" ", "-") for text in cards.locator("strong").all_inner_texts()] == [
        each["name"] for each in templates
    ]
    condor = next(each for each in templates if each["name"] == "iron-condor")
    cards.filter(has_text="Iron condor").click()
    shown_as_the_service_says(page, service, condor["legs"])
    assert accessibility_faults(page) == []
    strike = page.get_by_role("textbox", name="Strike of leg 1", exact=True)
    strike.fill("112.5")
    strike.press("Enter")
    page.get_by_role("textbox", name="Premium a share of leg 2").fill("1.25")
    page.get_by_role("textbox", name="Premium a share of leg 2").press("Tab")
    page.get_by_role("button", name="Remove leg 4").click()
    page.get_by_role("textbox", name="Interest a year, in %").fill("4")
    page.keyboard.press("Enter")
    legs = condor["legs"][:3]
    legs[0]["strike"], legs[1]["premium"] = 112.5, 1.25
    shown_as_the_service_says(page, service, legs, rate=0.04)
    again = visit(page.url)
    shown_as_the_service_says(again, service, legs, rate=0.04)
    assert again.locator(".outcome").inner_text() == page.locator(".outcome").inner_text()


def shown_as_the_service_says(page, service, legs, **words):
    """The figures on the page are those of the service's answer about these legs."""
    answer = service.post("/forecast/AAPL/strategy", json={"legs": legs, **words}).json()
    assert page.locator("table.legs tbody tr").count() == len(legs)
    outcome = page.locator(".outcome")
    expect(outcome.locator("div", has_text="Expected profit").locator("dd")).to_have_text(
        sum_of(answer["expected_profit"])
    )
    expect(outcome.locator("div", has_text="Probability of profit").locator("dd")).to_have_text(
        f"{100 * answer['probability_of_profit']:.1f} %"
    )
    for name, field in (
        ("Most that can be won", "maximum_gain"),
        ("Most that can be lost", "maximum_loss"),
        ("Mean of the worst 5 %", "expected_shortfall"),
    ):
        told = "no bound" if answer[field] is None else sum_of(answer[field])
        expect(outcome.locator("div", has_text=name).locator("dd")).to_have_text(told)
    shown = page.locator(".earned .quantiles dd").all_inner_texts()
    assert shown == [sum_of(each["profit"]) for each in answer["quantiles"]]
    evens = ", ".join(map(dollars, answer["break_evens"])) or "none"
    expect(outcome.locator("div", has_text="Break-even").locator("dd")).to_have_text(evens)


def sum_of(value):
    """A profit as the page writes it."""
    size = abs(value)
    text = f"{size:,.2f}" if size < 1000 and size != round(size) else f"{round(size):,}"
    sign = ("+" if value > 0 else "−") if re.search("[1-9]", text) else ""
    return f"{sign}${text}"


def test_a_strategy_is_valued_before_its_expiry_and_read_off_by_keys(visit, service):
    leg = {"kind": "call", "side": "buy", "strike": 130, "expiry": "2023-02-17"}
    page = visit(f"{service.url}/#/strategy/AAPL?leg=buy+call+130+2023-02-17")
    page.get_by_label("Profit at the close of").select_option("2023-01-20")
    page.get_by_role("textbox", name="Volatility after that day, in %").fill("45")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Profit on Fri, 20 Jan 2023")).to_be_visible()
    shown_as_the_service_says(page, service, [leg], on="2023-01-20", volatility=0.45)
    assert page.url.endswith("leg=buy+call+130+2023-02-17&on=2023-01-20&volatility=0.45")
    expect(page.locator(".payoff path.later")).to_have_count(1)
    handle = page.get_by_role("slider", name="Close to read off")
    handle.focus()
    before = float(handle.get_attribute("aria-valuenow"))
    for key in ("PageUp", "ArrowRight"):
        page.keyboard.press(key)
    assert float(handle.get_attribute("aria-valuenow")) > before
    assert float(handle.get_attribute("aria-valuemin")) < 115
    assert float(handle.get_attribute("aria-valuemax")) > 145
    read = handle.get_attribute("aria-valuetext")
    assert re.search(r"dollars, profit [+−]\$[\d,.]+, \d+\.\d % below", read), read
    page.keyboard.press("Escape")
    expect(handle).to_have_attribute("aria-valuenow", f"{before:g}")
    odds = service.get(f"/forecast/AAPL/probability?strike={before}&expiry=2023-01-20").json()
    lower = f"a lower close: {100 * odds['probability_below']:.1f} %"
    expect(page.locator(".earned .reading")).to_contain_text(lower)


def test_what_the_service_refuses_of_a_strategy_stands_at_its_field(visit, service):
    saturday = f"{service.url}/#/strategy/AAPL?leg=sell+put+120+2023-01-21&leg=nothing+like+it"
    page = visit(saturday, complains=True)  # the browser itself logs the 422
    expect(page.locator("#leg-0-expiry-fault")).to_contain_text("2023-01-21 is no session of XNYS")
    expect(page.get_by_text("The link has legs that cannot be read")).to_be_visible()
    expiry = page.get_by_label("Expiry of leg 1")
    expect(expiry).to_have_attribute("aria-invalid", "true")
    assert accessibility_faults(page) == []
    expiry.fill("2023-01-20")
    shown_as_the_service_says(
        page, service, [{"kind": "put", "side": "sell", "strike": 120, "expiry": "2023-01-20"}]
    )
    premium = page.get_by_role("textbox", name="Premium a share of leg 1")
    premium.fill("-2")
    premium.press("Enter")
    expect(page.locator("#leg-0-premium-fault")).to_contain_text("0")
    expect(page.get_by_text("These figures are of the legs as they were")).to_be_visible()
    premium.fill("much")
    premium.press("Enter")
    expect(page.locator("#leg-0-premium-fault")).to_have_text("Write a number.")


def test_legs_are_clicked_on_a_symbols_chain_and_go_to_its_strategy(visit, service):
    page = visit(f"{service.url}/#/symbol/AAPL?price=130")
    page.get_by_role("button", name="Sells a call").click()
    cell = page.get_by_role("button", name=re.compile(r"strike 135\.00, 20 Jan 2023$"))
    cell.click()
    expect(cell).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Buys a put").click()
    page.get_by_role("button", name=re.compile(r"strike 125\.00, 20 Jan 2023$")).click()
    expect(page.locator(".tray")).to_contain_text("2 legs: sell call 135.00, 20 Jan 2023; buy put 125.00")
    page.get_by_role("link", name="See what they may earn").click()
    expect(page.locator("h1")).to_have_text("Strategy on AAPL")
    settled(page)
    option = {"quantity": 100, "expiry": "2023-01-20"}
    legs = [
        {"kind": "call", "side": "sell", "strike": 135, **option},
        {"kind": "put", "side": "buy", "strike": 125, **option},
    ]
    shown_as_the_service_says(page, service, legs, price=130)
    page.locator("table.chain button[aria-label$='strike 140.00, 20 Jan 2023']").press("Enter")
    legs.append({"kind": "call", "side": "buy", "strike": 140, **option})
    expect(page.locator("table.legs tbody tr")).to_have_count(3)
    shown_as_the_service_says(page, service, legs, price=130)
    page.get_by_role("button", name="Add stock").click()
    shown_as_the_service_says(page, service, [*legs, {"kind": "stock", "side": "buy"}], price=130)


def test_without_a_symbol_the_strategys_page_asks_for_one(visit, service):
    page = visit(f"{service.url}/#/strategy")
    expect(page.locator(".symbol-links a")).to_have_text(["AAPL", "JPM", "MSFT", "XOM"])
    assert accessibility_faults(page) == []
    page.get_by_role("link", name="XOM", exact=True).click()
    expect(page.get_by_text("momentum forecasts the next session only")).to_be_visible()
    page.locator(".templates button", has_text="Straddle").first.click()
    expect(page.locator(".outcome")).to_contain_text("Probability of profit")


def test_past_forecasts_stand_beside_what_happened(visit, own_journal, service):
    page = visit(f"{service.url}/#/symbol/JPM")
    panel = page.locator(
        "section", has=page.get_by_role("heading", name="Past forecasts against what happened")
    )
    expect(panel).to_contain_text("No forecast of JPM can be judged yet")
    own_journal("JPM")
    answer = service.get("/symbols/JPM/reliability").json()
    page.reload()
    expect(panel.locator("table.past tbody tr")).to_have_count(len(answer["live"]))
    for row, horizon in zip(panel.locator("table.past tbody tr").all(), answer["live"], strict=True):
        text = row.inner_text()
        assert text.startswith(f"{horizon['sessions']}\t{horizon['forecasts']}")
        for one in horizon["inside"]:
            assert f"{100 * one['share']:.1f} %" in text
            assert f"{100 * one['low']:.0f} % – {100 * one['high']:.0f} %" in text
    panel.get_by_role("button", name="5", exact=True).click()
    five = next(each for each in answer["live"] if each["sessions"] == 5)
    expect(panel.locator(".reliability-curve circle")).to_have_count(len(five["below"]))
    expect(panel).to_contain_text(f"{five['forecasts']} forecasts for")
    assert accessibility_faults(page) == []


def test_an_expiry_is_chosen_in_every_way(visit, service):
    page = visit(f"{service.url}/#/symbol/AAPL")
    title = page.get_by_role("heading", name=re.compile("^Close on"))
    expect(title).to_have_text("Close on Wed, 1 Feb 2023")
    page.get_by_role("button", name="Week").click()
    expect(title).to_have_text("Close on Mon, 9 Jan 2023")
    page.get_by_role("slider", name="Expiry").press("ArrowRight")
    expect(title).to_have_text("Close on Tue, 10 Jan 2023")
    page.get_by_label("Expiry on a Friday").select_option("Fri, 20 Jan 2023")
    expect(title).to_have_text("Close on Fri, 20 Jan 2023")
    page.get_by_role("application").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".reading strong")).to_have_text("Thu, 19 Jan 2023")
    page.keyboard.press("Enter")
    expect(title).to_have_text("Close on Thu, 19 Jan 2023")
    page.keyboard.press("Home")
    expect(page.locator(".reading")).to_contain_text("open")
    expect(page.locator(".odds .below dd")).to_have_text(re.compile(r"\d %$"))


def test_the_price_of_now_is_taken_and_a_bad_one_is_refused(visit, service):
    page = visit(f"{service.url}/#/symbol/AAPL")
    price = page.get_by_label("Price now, in dollars")
    price.fill("cheap")
    price.press("Enter")
    expect(page.locator("#price-fault")).to_have_text("Write a price such as 131.50.")
    price.fill("$140")
    price.press("Enter")
    expect(page.locator(".distribution .pairs dd").first).to_contain_text("140.00")
    page.get_by_role("button", name="Last close").click()
    expect(page.locator(".distribution .pairs dd").first).to_contain_text("129.93")


def test_a_peers_weight_is_read_off_the_graph(visit, service):
    page = visit(f"{service.url}/#/symbol/AAPL")
    peer, weight = list(service.get("/symbols/AAPL/graph").json()["attention_of_target"].items())[1]
    page.locator("a.node", has_text=re.compile(f"^{peer}$")).focus()
    expect(page.locator("figcaption")).to_contain_text(f"gets {100 * weight:.1f} % of the attention")


def test_a_model_is_trained_again_with_the_token_and_only_with_it(visit, service, monkeypatch):
    class Background:
        """Stands for training: the job is queued, and ends when the test says so."""

        def train(self, symbol, _, *, insists):
            assert insists
            self.job = Job(id="1", kind="train", symbol=symbol)
            return self.job

    background = Background()
    monkeypatch.setattr(service.service.background, "train", background.train)
    page = visit(f"{service.url}/#/symbol/AAPL", complains=True)  # the browser itself logs the 401s
    button = page.get_by_role("button", name="Train again")
    button.click()
    token = page.get_by_role("textbox", name="Admin token")
    token.fill("a-token-that-is-wrong")
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#secret-fault")).to_have_text("The service does not accept this token.")
    token.fill(TOKEN)
    page.get_by_role("button", name="Use it").click()
    expect(page.locator(".retrain")).to_contain_text("Training")
    expect(button).to_be_disabled()
    expect(page.locator(".connection")).to_have_text("Live")
    service.service.streams.job(background.job.model_copy(update={"state": "done"}))
    expect(page.locator(".retrain")).to_contain_text("Trained")
    assert page.evaluate("() => localStorage.length") == 0


def test_an_event_ends_no_request_that_is_on_its_way(visit, service):
    """While models are trained again, events come faster than a slow answer: it is shown, and asked for once more."""
    page = visit(f"{service.url}/#/symbol/AAPL")
    expect(page.locator(".connection")).to_have_text("Live")
    held, ended = [], []
    page.route("**/forecast/AAPL/fan*", lambda route: held.append(route))
    page.on("requestfailed", lambda request: ended.append(request.url))
    for _ in range(3):
        with page.expect_response("**/symbols/AAPL/prices*"):  # the same events have it asked for
            service.service.streams.changed(frozenset({Symbol("AAPL")}))
    assert (len(held), ended) == (1, [])
    with page.expect_request("**/forecast/AAPL/fan*"):
        held[0].continue_()
    page.unroute("**/forecast/AAPL/fan*")
    for route in held[1:]:
        route.continue_()
    settled(page)
    assert ended == []


def test_the_page_of_operations_has_the_numbers_of_the_api(visit, service, monkeypatch):
    page = visit(f"{service.url}/#/operations")
    expect(page.get_by_text("Nothing is known to be wrong.")).to_be_visible()
    expect(page.get_by_text("No refresh has run yet.")).to_be_visible()
    assert accessibility_faults(page) == []
    runs = (RunSummary.of(run(0, state="failed")),)
    monkeypatch.setattr(service.service.metrics.operations, "seen", lambda: (runs, QUALITY))
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_role("alert")).to_contain_text("The last refresh failed")
    answer = service.get("/operations").json()
    latency = page.locator("section", has=page.get_by_role("heading", name="How long forecasts take"))
    shown = latency.locator("tbody td:nth-child(2)").all_inner_texts()
    assert shown == [f"{one['count']:,}" for one in answer["latency"]]
    quality = page.locator(
        "section", has=page.get_by_role("heading", name="Live forecasts against what happened")
    )
    for text in ("79.0 %", "60.0 %", "Out of band", "usual 65 % – 90 %"):
        expect(quality).to_contain_text(text)
    quality.get_by_role("link", name="XOM").click()
    expect(page.locator("section", has_text="Past forecasts against what happened")).to_contain_text(
        "80 % intervals held 55 %"
    )
    assert accessibility_faults(page) == []


def test_the_market_has_the_numbers_of_the_api_and_its_network_is_moved_by_keys_and_by_hand(visit, service):
    page = visit(f"{service.url}/#/market")
    answer = service.get("/market").json()
    for number_ in range(1 + max(one["cluster"] for one in answer["symbols"])):
        members = [one["symbol"] for one in answer["symbols"] if one["cluster"] == number_]
        assert page.locator(".clusters li").nth(number_).locator("p a").all_inner_texts() == members
    for row, pair in zip(
        page.locator("table.changes tbody tr").all_inner_texts(), answer["changes"], strict=True
    ):
        assert row.startswith(f"{pair['source']} {pair['target']}")
        assert f"{pair['now']:.2f}".replace("-", "−") in row
    canvas = page.locator("canvas")
    expect(canvas).to_have_attribute("data-settled", "true")
    picture = "(canvas) => canvas.toDataURL()"
    seen = [canvas.evaluate(picture)]
    canvas.focus()
    for key in ("+", "ArrowLeft", "0"):
        page.keyboard.press(key)
        seen.append(canvas.evaluate(picture))
    assert len(set(seen)) == 3
    assert seen[0] == seen[3], "0 shows all again"
    page.get_by_role("button", name=re.compile("^Around")).first.click()
    assert canvas.evaluate(picture) != seen[0]
    page.get_by_role("searchbox", name="Find in the network").fill("xom")
    expect(page.locator(".under")).to_contain_text("XOM, Energy: mean correlation")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 180, box["y"] + 130, steps=3)
    page.mouse.up()
    assert accessibility_faults(page) == []


def test_a_key_is_asked_for_and_kept_for_the_tab(visit, open_here):
    with open_here(api_keys=(KEY,)) as service:
        page = visit(service.url, complains=True)
        key = page.get_by_role("textbox", name="API key")
        key.fill("é")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#secret-fault")).to_have_text("It has characters that no header can carry.")
        key.fill("another-key-of-the-tests")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#secret-fault")).to_have_text("The service does not know this key.")
        assert accessibility_faults(page) == []
        key.fill(KEY)
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("table.symbols tbody tr")).to_have_count(42)
        expect(page.locator(".connection")).to_have_text("Live")
        page.reload()
        expect(page.locator("table.symbols tbody tr")).to_have_count(42)


def test_a_symbol_without_a_model_and_one_that_is_unknown_are_told_apart(visit, service):
    page = visit(f"{service.url}/#/symbol/AMZN")
    expect(page.get_by_role("heading", name="Close on Tue, 3 Jan 2023")).to_be_visible()
    expect(page.get_by_role("button", name="Train a model")).to_be_visible()
    expect(page.get_by_role("heading", name="The graph behind the forecast")).to_have_count(0)
    unknown = visit(f"{service.url}/#/symbol/APPL", complains=True)
    expect(unknown.get_by_role("alert")).to_contain_text("Unknown symbol")
    assert accessibility_faults(unknown) == []
    unknown.get_by_role("link", name="AAPL", exact=True).click()
    expect(unknown.locator("h1")).to_have_text("AAPL")


def test_a_service_without_anything_says_what_to_do(visit, open_here, tmp_path):
    with open_here(models=tmp_path / "models", prices=tmp_path / "prices") as service:
        page = visit(service.url)
        expect(page.get_by_role("heading", name="No symbol yet")).to_be_visible()
        assert accessibility_faults(page) == []


def test_old_prices_are_pointed_out(visit, open_here):
    with open_here(now=lambda: EVENING.replace(year=2023, month=1, day=6)) as service:
        page = visit(service.url)
        expect(page.locator(".notice")).to_contain_text("4 completed sessions are missing for every symbol")
        expect(page.locator("table.symbols tbody tr").first).to_contain_text("4 sessions behind")


def test_answers_stay_while_the_service_is_away(visit, open_here):
    with open_here() as service:
        page = visit(service.url, complains=True)
        expect(page.locator(".connection")).to_have_text("Live")
    expect(page.locator(".connection")).to_have_text("Reconnecting")
    expect(page.locator("table.symbols tbody tr")).to_have_count(42)


def test_the_page_works_under_a_prefix(visit, open_here):
    with open_here(root_path="/a/tick") as service:
        page = visit(f"{service.url}/a/tick")
        page.get_by_role("link", name="JPM", exact=True).click()
        expect(page.get_by_role("heading", name="The graph behind the forecast")).to_be_visible()
        assert page.url == f"{service.url}/a/tick/#/symbol/JPM"
        expect(page.locator(".connection")).to_have_text("Live")


def test_axe_finds_nothing_in_the_dark_on_a_phone_and_no_width_is_too_narrow(visit, service):
    """The other tests ask axe about light pages of a desk."""
    collar = "leg=buy+put+115+2023-01-20&leg=sell+call+140+2023-01-20&leg=buy+stock"
    for address in ("?search=technology", "symbol/AAPL", f"strategy/AAPL?{collar}", "market", "operations"):
        page = visit(f"{service.url}/#/{address}", color_scheme="dark")
        for width in (1280, 800, 360):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0, (
                address,
                width,
            )
        assert accessibility_faults(page) == []


def test_a_chosen_theme_stays(visit, service):
    page = visit(service.url, color_scheme="light")
    ground = "() => getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_label("Theme").select_option("Dark")
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    expect(page.get_by_label("Theme")).to_have_value("dark")
    assert page.evaluate(ground) == dark


def test_the_symbols_page_takes_little(visit, service):
    page = visit(f"{service.url}/#/symbol/AAPL")
    expect(page.locator("table.matrix")).to_be_visible()
    taken = page.evaluate(
        "() => performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
        ".reduce((sum, entry) => sum + entry.transferSize, 0)"
    )
    assert 20_000 < taken < 300_000
