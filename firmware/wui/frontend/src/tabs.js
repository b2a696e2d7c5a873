// The tabs: the first word of the address, and the name. build.mjs writes them into the page, so that it shows them at once.

export const TABS = [
  ["services", "Services"],
  ["lb-layer4", "LB Layer4"],
  ["lb-layer7", "LB Layer7"],
  ["lb-admin", "LB Admin"],
  ["logs", "Logs"],
  ["tools", "Tools"],
  ["setup", "Setup"],
];
