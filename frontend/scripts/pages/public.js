import "../lib/start.js";
