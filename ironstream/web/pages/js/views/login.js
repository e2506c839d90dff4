// Who is there: a token, or the plant's own identity provider.

import { get, post } from "../api.js";
import { h, put } from "../dom.js";
import { failure, field } from "../parts.js";

/** Why the identity provider's answer did not let somebody in, by what the server put into the address. */
const WHY = {
  "not-begun": ["That login was not begun in this browser, or it took too long.", "Log in again."],
  refused: ["The identity provider did not let you in.", "Log in again, or ask who runs it."],
  "not-valid": ["The identity provider's answer does not hold.", "Are the clocks right? Log in again."],
  "no-role": ["The identity provider knows you, but gives you no role here.", "Ask an admin: the audit trail says what is missing."],
  "no-tenant": ["The identity provider names no tenant that you may see.", "Ask an admin: the audit trail says what is missing."],
  "too-many": ["Too many logins from this address have failed.", "Wait a minute and log in again."],
  provider: ["The identity provider cannot be used just now.", "Log in again in a while, or with a token."],
};

export async function show({ root, title, signal, query }) {
  title("Log in");
  const message = h("div");
  const token = h("input", { type: "password", name: "token", autocomplete: "current-password", required: true, autofocus: true });
  const button = h("button.primary", { type: "submit" }, "Log in");
  const other = h("p", { hidden: true }, h("a.button", { href: "api/v1/login/oidc" }, "Log in with the identity provider"));
  const form = h("form.login", { onsubmit: enter }, h("h1", { tabindex: "-1" }, "ironstream"), field("Token", token, "Made with: ironstream web token --role operator"), message, button, other);
  put(root, form);
  const [detail, hint] = Object.hasOwn(WHY, query.get("error")) ? WHY[query.get("error")] : [];
  if (detail) put(message, failure({ detail, hint }));
  const ways = await get("login", {}, signal).catch(() => null);
  other.hidden = !ways?.oidc;

  async function enter(event) {
    event.preventDefault();
    button.disabled = true;
    put(message);
    try {
      await post("login", { token: token.value });
      // logged in, the page goes on to what was asked for
      location.reload();
    } catch (error) {
      put(message, failure(error));
      token.select();
    }
    button.disabled = false;
  }
}
