// A field for a number: what is written counts when it is left or Enter is pressed.
import { useEffect, useState } from "preact/hooks";

interface Props {
  id: string;
  label: string;
  /** Shown above the field; without it the label is for screen readers alone. */
  caption?: string;
  value: number | null;
  placeholder?: string;
  fault?: string;
  /** Whether nothing may stand there. */
  optional?: boolean;
  set: (value: number | null) => void;
}

export function NumberField({ id, label, caption, value, placeholder, fault, optional = false, set }: Props) {
  const [text, setText] = useState<string | null>(null);
  const [wrong, setWrong] = useState(false);
  useEffect(() => {
    setText(null);
    setWrong(false);
  }, [value]);
  const use = () => {
    if (text === null) return;
    const given = text.trim().replace(/[$,%\s]/g, "").replace("−", "-");
    const read = given === "" ? null : Number(given);
    const bad = read === null ? !optional : !Number.isFinite(read);
    setWrong(bad);
    if (bad) return;
    setText(null);
    if (read !== value) set(read);
  };
  const said = wrong ? (text?.trim() ? "Write a number." : "A number belongs here.") : fault;
  const input = (
    <input
      id={id}
      inputMode="decimal"
      autocomplete="off"
      value={text ?? (value === null ? "" : String(value))}
      placeholder={placeholder}
      aria-label={caption ? undefined : label}
      aria-invalid={Boolean(said)}
      aria-describedby={said ? `${id}-fault` : undefined}
      onInput={(event) => setText(event.currentTarget.value)}
      onKeyDown={(event) => event.key === "Enter" && use()}
      onBlur={use}
    />
  );
  return (
    <>
      {caption ? (
        <label>
          <span>{caption}</span>
          {input}
        </label>
      ) : (
        input
      )}
      {said && (
        <p id={`${id}-fault`} class="fault" role="alert">
          {said}
        </p>
      )}
    </>
  );
}
