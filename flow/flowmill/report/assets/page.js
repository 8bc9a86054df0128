// The end of a page that stands alone: what is there without a script gives way to the part that can be used.

import { mount } from "./report.js";

const data = JSON.parse(document.getElementById("flow-data").textContent);
document.documentElement.classList.add("flow-js");
mount(document.getElementById("flow-run"), data.events, data.options);
