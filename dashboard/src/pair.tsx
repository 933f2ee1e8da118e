// A name and what is known of it, in a list of such pairs.
import type { ComponentChildren } from "preact";

export function Pair({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
