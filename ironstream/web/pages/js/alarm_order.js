// Which of two tellings of an alarm is the newer one. Pure.

/**
 * What holds of an alarm after the stream has told `told`. Within an occurrence the later transition does; a telling of
 * another occurrence is newer, whenever that was raised: the stream is in the order of the log, while times are those of
 * devices.
 */
export function after(known, told) {
  return known?.occurrence_id === told.occurrence_id && known.transition > told.transition ? known : told;
}

/** A list as the server answered it, with what the stream has told since it was asked for: by id. */
export function merged(items, since) {
  const byId = new Map(items.map((one) => [one.id, one]));
  for (const one of since.values()) byId.set(one.id, after(byId.get(one.id), one));
  return byId;
}
