// What somebody may see and do, as the server has it (GET /me). It refuses in any case: this keeps what would be refused
// off the page.

const CHANGES = new Set(["operator", "engineer", "admin"]);
const ENGINEERS = new Set(["engineer", "admin"]);

const has = (me, wanted) => (me?.roles ?? []).some((role) => wanted.has(role));

/** Alarms: acknowledge, shelve, comment. */
export const mayAnswerAlarms = (me) => has(me, CHANGES);

/** Dead letters: give them to the agents again. */
export const mayReplay = (me) => has(me, ENGINEERS);

/** What belongs to the whole plant, and not to a tenant: versions of the topology, and who follows it. */
export const seesAll = (me) => me?.tenants === null;

export const mayRollBack = (me) => seesAll(me) && has(me, ENGINEERS);
