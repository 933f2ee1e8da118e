// A value once it has not changed for a moment: what moves asks for nothing on its way.
import { useEffect, useState } from "preact/hooks";

const SETTLE_MS = 120;

export function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
