// A component that is drawn again only when one of its properties is another one.
import { Component, type ComponentChild, h } from "preact";

export function memo<P extends object>(draw: (properties: P) => ComponentChild) {
  return class Memo extends Component<P> {
    shouldComponentUpdate(next: P): boolean {
      const names = new Set([...Object.keys(next), ...Object.keys(this.props)]) as Set<keyof P>;
      return [...names].some((name) => !Object.is(next[name], (this.props as P)[name]));
    }

    render() {
      return h(draw as never, this.props as never);
    }
  };
}
