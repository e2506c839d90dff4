// One alarm beside the list: what it says, what may be done, what caused it, and its journal.

import { get, path } from "./api.js";
import { act, possible } from "./alarm_actions.js";
import { h, put } from "./dom.js";
import { ms, number, words } from "./format.js";
import { empty, facts, filled, timeCell } from "./parts.js";
import { recordLink } from "./record_content.js";
import { mayAnswerAlarms, seesAll } from "./rights.js";
import { UNACKED, alarmState, severity } from "./signs.js";

const AROUND_MS = 120000;

export class AlarmPane {
  /** `closed()`: it is to close; `changed(id)`: a command on this alarm was carried out. */
  constructor({ me, signal, closed, changed }) {
    Object.assign(this, { me, signal, closed, changed });
    this.id = null;
    this.told = "";
    this.head = h("div");
    this.journal = h("div.journal");
    this.cause = h("span", { data: { field: "cause" } });
    this.element = h("aside.pane", { "aria-label": "Alarm", hidden: true, onkeydown: (event) => event.key === "Escape" && closed() }, this.head, h("h3", null, "Journal"), this.journal);
  }

  /** Show an alarm; null closes. One that is not in the list is known by its id alone. */
  show(alarm) {
    this.element.hidden = !alarm;
    const another = this.id !== (alarm?.id ?? null);
    this.id = alarm?.id ?? null;
    if (!alarm) return;
    const told = `${alarm.id} ${alarm.state} ${alarm.transition ?? ""} ${alarm.occurrence_id ?? ""} ${alarm.value ?? ""} ${alarm.gone ?? ""}`;
    if (told === this.told && !another) return;
    this.told = told;
    put(this.head, this.draw(alarm));
    const id = alarm.id;
    filled(this.journal, this.signal, async () => {
      const page = await get(`alarms/${path(...id.split("/"))}/journal`, {}, this.signal);
      return this.id === id ? this.entries(page.items ?? []) : null;
    }, { rows: 3, quiet: !another });
  }

  draw(alarm) {
    const may = mayAnswerAlarms(this.me);
    const [tenant, site, asset] = alarm.id.split("/");
    const where = alarm.parameter ? `#/series/${path(tenant, site, asset, alarm.parameter)}` : `#/asset/${path(tenant, site, asset)}`;
    const evidence = alarm.evidence ?? {};
    this.occurrence = alarm.occurrence_id;
    return [
      h("div.pane-head", null, h("h2", null, alarm.severity ? severity(alarm.severity, { acked: !UNACKED.has(alarm.state) }) : null, ` ${alarm.type ?? alarm.id}`),
        h("button", { type: "button", "aria-label": "Close", onclick: () => this.closed() }, "×")),
      h("p.message", null, alarm.message ?? ""),
      alarm.state && may ? h("div.tools", null, possible(alarm).map(([command, text]) => h("button", { type: "button", class: command === "ack" ? "primary" : "", data: { command }, onclick: () => act(command, alarm, () => this.changed(alarm.id)) }, text))) : null,
      facts([
        ["state", alarm.state ? alarmState(alarm.state) : alarm.gone ? "not in the register any more" : "–"],
        ["series", h("a", { href: where }, [asset, alarm.parameter].filter(Boolean).join(" / "))],
        ["site", `${tenant} / ${site}`],
        alarm.value !== undefined && ["value", `${number(alarm.value)} ${alarm.unit ?? ""}`],
        typeof alarm.threshold === "number" && ["threshold", `${number(alarm.threshold)} ${alarm.unit ?? ""}`],
        alarm.parameter && alarm.raised_at && ["around it", h("a.link", { href: `${where}?${around(alarm)}`, data: { field: "around" } }, "trend when it was raised")],
        ["raised", timeCell(alarm.raised_at, { millis: true })],
        alarm.cleared_at && ["cleared", timeCell(alarm.cleared_at, { millis: true })],
        (alarm.acked_by ?? alarm.acked_at) && ["acknowledged", h("span", null, `${alarm.acked_by ?? ""} `, timeCell(alarm.acked_at))],
        alarm.shelved_until && [alarm.shelved_by === "asset" ? "suppressed with its asset until" : "shelved until", timeCell(alarm.shelved_until)],
        alarm.count > 1 && ["reported", `${number(alarm.count)} times`],
        ["caused by", this.cause],
        evidence.rule_id && ["rule", evidence.rule_id],
        evidence.topology_version && ["judged by", seesAll(this.me) ? h("a.link", { href: `#/topology/versions/${evidence.topology_version}` }, `topology v${evidence.topology_version}`) : `topology v${evidence.topology_version}`],
        ["id", h("code", null, alarm.id)],
      ]),
    ];
  }

  entries(items) {
    // the first entry of an occurrence names the record that raised it; later ones those of commands
    const first = items.findLast((one) => one.occurrence_id === this.occurrence);
    put(this.cause, record(first?.evidence));
    if (!items.length) return empty("Nothing in the journal yet.");
    return h("ol.lines", null, items.map((one) =>
      h("li", null,
        h("div.line", null, timeCell(one.time, { millis: true }), one.previous_state === one.state ? h("span.state", null, "noted") : alarmState(one.state), one.actor ? h("span.name", null, one.actor) : null, one.severity ? h("span.quiet", null, words(one.severity)) : null),
        one.comment || one.reason ? h("p.comment", null, [one.reason, one.comment].filter(Boolean).join(": ")) : null,
        one.until ? h("p.quiet", null, "until ", timeCell(one.until)) : null,
        one.evidence?.topic ? h("p.quiet", null, record(one.evidence)) : null)));
  }
}

/** Some time before and after it was raised, as the series' page takes it. */
function around(alarm) {
  const at = ms(alarm.raised_at);
  return new URLSearchParams({ from: new Date(at - AROUND_MS).toISOString(), to: new Date(at + AROUND_MS).toISOString() });
}

/** Where the record stands that made it happen. */
function record(evidence) {
  if (!evidence?.topic) return "–";
  return recordLink([evidence.topic, evidence.partition, evidence.offset]);
}
