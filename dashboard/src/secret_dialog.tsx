// Asks for the API key or the admin token when the service wants one.
import { useEffect, useRef, useState } from "preact/hooks";
import { isSendable, keep, wanted } from "./service/credentials";
import { useStore } from "./service/store";

const WORDS = {
  key: {
    title: "This service asks for an API key",
    label: "API key",
    wrong: "The service does not know this key.",
    why: "It is sent to this service only, as X-API-Key, and kept until you close this tab.",
  },
  token: {
    title: "Training a model needs the admin token",
    label: "Admin token",
    wrong: "The service does not accept this token.",
    why: "It is sent to this service only, and kept until you close this tab.",
  },
};

export function SecretDialog() {
  const want = useStore(wanted);
  const dialog = useRef<HTMLDialogElement>(null);
  const [value, setValue] = useState("");
  const [fault, setFault] = useState<string | null>(null);

  useEffect(() => {
    if (want && !dialog.current?.open) dialog.current?.showModal();
    if (!want && dialog.current?.open) dialog.current.close();
    setValue("");
    setFault(want?.wrong ? WORDS[want.kind].wrong : null);
  }, [want]);

  const words = WORDS[want?.kind ?? "key"];
  const submit = (event: Event) => {
    event.preventDefault();
    const text = value.trim();
    if (!want) return;
    if (!isSendable(text)) setFault(text ? "It has characters that no header can carry." : "Write or paste it here.");
    else keep(want.kind, text);
  };
  return (
    <dialog ref={dialog} aria-labelledby="secret-title" onCancel={() => wanted.set(null)}>
      <form onSubmit={submit}>
        <h2 id="secret-title">{words.title}</h2>
        <p id="secret-why">{words.why}</p>
        <label>
          {words.label}
          <input
            type="password"
            value={value}
            onInput={(event) => setValue(event.currentTarget.value)}
            autocomplete="off"
            aria-describedby="secret-why secret-fault"
            aria-invalid={fault !== null}
          />
        </label>
        <p id="secret-fault" class="fault" role="alert">
          {fault}
        </p>
        <p class="actions">
          <button type="submit" class="primary">
            Use it
          </button>
          <button type="button" onClick={() => wanted.set(null)}>
            Cancel
          </button>
        </p>
      </form>
    </dialog>
  );
}
