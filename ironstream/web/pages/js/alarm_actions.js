// What an operator does to an alarm: asked for in a dialog, sent, and its answer told.

import { path, post } from "./api.js";
import { h } from "./dom.js";
import { dialog, field, notice } from "./parts.js";
import { mayHaveActed, newId, sameAgain, unknown } from "./sent_again.js";

const REASONS = ["maintenance", "known and planned", "nuisance", "instrument fault", "other"];
/** Ends by itself when the alarm clears; the others at a time. */
const ONE_SHOT = "one-shot";
const SPANS = [[ONE_SHOT, "until it clears"], [15, "15 min"], [60, "1 h"], [240, "4 h"], [480, "8 h"], [1440, "1 day"]];
const DONE = { ack: "Acknowledged", shelve: "Shelved", unshelve: "Taken off the shelf", comment: "Comment added" };

/** What may be done to an alarm in its state. */
export function possible(alarm) {
  const shelved = alarm.state === "SUPPRESSED";
  return [
    ["ACTIVE", "CLEARED_UNACKED"].includes(alarm.state) && ["ack", "Acknowledge"],
    !shelved && alarm.state !== "CLEARED" && ["shelve", "Shelve"],
    shelved && ["unshelve", "Unshelve"],
    ["comment", "Comment"],
  ].filter(Boolean);
}

/** Ask for what the command needs, and send it, for the occurrence that is shown now; `done()` once it was answered. */
export function act(command, alarm, done) {
  if (!possible(alarm).some(([name]) => name === command)) {
    notice(`${alarm.type ?? "This alarm"} is ${alarm.state.toLowerCase().replaceAll("_", " ")}: nothing to ${command === "ack" ? "acknowledge" : command}.`, "refused");
    return;
  }
  const { title, body, read } = FORMS[command](alarm);
  const made = sameAgain((form) => wanted(command, alarm, read(form)));
  dialog(title, [h("p.quiet", null, `${alarm.asset} · ${alarm.message || alarm.type}`), body], title, async (form) => {
    const answer = await post(`alarms/${path(...alarm.id.split("/"))}/commands`, made.of(form)).catch((error) => {
      throw mayHaveActed(error) ? unknown(error.detail) : error;
    });
    if (answer.took_effect === null) throw unknown(answer.reason);
    if (!answer.took_effect) {
      made.forget();
      throw { detail: answer.reason || "The command was rejected.", hint: "The list shows the alarm as it is now." };
    }
    notice(`${DONE[command]}: ${alarm.asset} ${alarm.type}`);
    await done();
  });
}

/** What is sent: an alarm that is raised again while somebody thinks about it must not be taken for this one. */
function wanted(command, alarm, fields) {
  const occurrence_id = fields.whole_asset ? null : alarm.occurrence_id ?? null;
  return { command, ...fields, occurrence_id, command_id: newId() };
}

const comment = (needed) => field(needed ? "Comment" : "Comment (optional)", h("textarea", { name: "comment", rows: 2, maxlength: 500, required: needed }));
const commented = (form) => ({ comment: form.get("comment")?.trim() || null });

function ending(minutes) {
  if (minutes === ONE_SHOT) return { one_shot: true };
  return { until: new Date(Date.now() + Number(minutes) * 60000).toISOString() };
}

const FORMS = {
  ack: () => ({ title: "Acknowledge", body: comment(false), read: commented }),
  comment: () => ({ title: "Comment", body: comment(true), read: commented }),
  // without a time of its own it is the suppression of its asset that holds it
  unshelve: (alarm) => ({ title: alarm.shelved_by === "asset" ? `Unshelve ${alarm.asset}` : "Unshelve", body: comment(false), read: (form) => ({ ...commented(form), whole_asset: alarm.shelved_by === "asset" }) }),
  shelve: () => ({
    title: "Shelve",
    body: [
      field("Reason", h("select", { name: "reason", required: true }, REASONS.map((one) => h("option", null, one)))),
      field("For", h("select", { name: "minutes" }, SPANS.map(([minutes, text]) => h("option", { value: minutes, selected: minutes === 60 }, text)))),
      comment(true),
    ],
    read: (form) => ({ ...commented(form), reason: form.get("reason"), ...ending(form.get("minutes")) }),
  }),
};
