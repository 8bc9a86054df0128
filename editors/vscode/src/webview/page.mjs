// What stands between the editor and the run's page, which is the one of `flowmill runs report`.
import { mount } from "../../../../flow/flowmill/report/assets/report.js";
import "../../../../flow/flowmill/report/assets/report.css";

const vscode = acquireVsCodeApi();
let page;

window.addEventListener("message", ({ data }) => {
  if (data.type === "run") {
    page?.destroy();
    page = mount(document.getElementById("run"), data.events, data.options);
  } else if (data.type === "events") {
    page?.update(data.events);
  }
});
vscode.postMessage({ type: "ready" });
