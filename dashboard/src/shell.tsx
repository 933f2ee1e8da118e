// Around every page: the way to other pages and symbols, the stream's state, the theme, and who may ask.
import { useEffect, useRef } from "preact/hooks";
import { MarketPage } from "./pages/market";
import { OperationsPage } from "./pages/operations";
import { OverviewPage } from "./pages/overview";
import { ChooseSymbol, StrategyPage } from "./pages/strategy";
import { SymbolPage } from "./pages/symbol";
import { type Route, go, route, toMarket, toOperations, toOverview, toStrategy, toSymbol } from "./route";
import { SecretDialog } from "./secret_dialog";
import { connection } from "./service/events";
import { useStore } from "./service/store";
import { ThemeSwitch } from "./theme_switch";

export function Shell() {
  const here = useStore(route);
  const main = useRef<HTMLElement>(null);
  const place = `${here.page}/${here.symbol ?? ""}`;
  const first = useRef(true);

  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true }); // a reader of the screen hears of the new page
  }, [place]);

  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href={toOverview()}>
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M4 17l7-9 9-3M4 17l16 2M11 8l9 11" />
            <circle cx="4" cy="17" r="2.4" />
            <circle cx="11" cy="8" r="2.8" />
            <circle cx="20" cy="5" r="2" />
            <circle cx="20" cy="19" r="2" />
          </svg>
          tickgraph
        </a>
        <nav aria-label="Pages">
          <a href={toOverview()} aria-current={here.page === "" ? "page" : undefined}>
            Overview
          </a>
          <a href={toStrategy(here.symbol)} aria-current={here.page === "strategy" ? "page" : undefined}>
            Strategy
          </a>
          <a href={toMarket()} aria-current={here.page === "market" ? "page" : undefined}>
            Market
          </a>
          <a href={toOperations()} aria-current={here.page === "operations" ? "page" : undefined}>
            Operations
          </a>
          <a href="docs">API</a>
        </nav>
        <Jump />
        <Live />
        <ThemeSwitch />
      </header>
      <main id="main" ref={main} tabIndex={-1} key={place}>
        <Page here={here} />
      </main>
      <footer>
        <p>Forecasts come from models and are no investment advice.</p>
        <p>
          <a href="docs">Routes of the service</a> <a href="dashboard/NOTICE.txt">Licences</a>
        </p>
      </footer>
      <SecretDialog />
    </>
  );
}

function Page({ here }: { here: Route }) {
  if (here.page === "") return <OverviewPage words={here.words} />;
  if (here.page === "market") return <MarketPage />;
  if (here.page === "operations") return <OperationsPage />;
  if (here.page === "strategy") return here.symbol ? <StrategyPage name={here.symbol} words={here.words} /> : <ChooseSymbol />;
  if (here.page === "symbol" && here.symbol) return <SymbolPage name={here.symbol} words={here.words} />;
  return (
    <div class="panel failed">
      <h1>There is no such page</h1>
      <p>
        <a href={toOverview()}>All symbols</a>
      </p>
    </div>
  );
}

/** The way to a symbol by its name: Ctrl+K or ⌘K. */
function Jump() {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        input.current?.focus();
        input.current?.select();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const name = input.current?.value.trim().toUpperCase();
    if (!name || !input.current) return;
    input.current.value = "";
    input.current.blur();
    go(toSymbol(name));
  };
  return (
    <form class="jump" role="search" onSubmit={submit as never}>
      <input
        ref={input}
        aria-label="Go to a symbol"
        aria-keyshortcuts="Control+K"
        placeholder="Go to a symbol"
        autocomplete="off"
        autocapitalize="characters"
        spellcheck={false}
        maxLength={24}
      />
      <kbd aria-hidden="true">Ctrl K</kbd>
    </form>
  );
}

const LIVE = { connecting: "Connecting", live: "Live", offline: "Reconnecting" };

function Live() {
  const state = useStore(connection);
  return (
    <span class={`connection ${state}`} role="status">
      <span class="dot" aria-hidden="true" />
      {LIVE[state]}
    </span>
  );
}
