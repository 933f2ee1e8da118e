import { render } from "preact";
import { follow } from "./service/events";
import { Shell } from "./shell";

const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(<Shell />, root);
  void follow();
}
