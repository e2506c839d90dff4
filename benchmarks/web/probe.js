// In every page before its own scripts: when what was painted. Times are ms since the epoch by this machine's clock.
(() => {
  const probe = { painted: [], longTasksMs: [], dataMs: null, wanted: null };
  window.__probe = probe;

  // a frame's callback runs before it is painted, a message posted in it comes after
  const afterPaint = (action) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = action;
    channel.port2.postMessage(0);
  });

  new MutationObserver((changes) => {
    for (const { type, target } of changes) {
      if (type !== "attributes") continue;
      const series = target.closest("[data-series]")?.dataset.series;
      const value = target.dataset.value;
      if (series === window.__series) afterPaint(() => probe.painted.push([value, Date.now()]));
    }
    if (probe.dataMs === null && window.__data && document.querySelector(window.__data)) {
      probe.dataMs = -1;
      afterPaint(() => { probe.dataMs = performance.now(); });
    }
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-value"] });

  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) probe.longTasksMs.push(entry.duration);
  }).observe({ type: "longtask", buffered: true });

  // Scrolls a list by so many pixels in every frame; the times between the frames
  probe.scroll = (selector, frames, pixels, done) => {
    const list = document.querySelector(selector);
    const between = [];
    let last = null;
    let down = true;
    const step = (now) => {
      if (last !== null) between.push(now - last);
      last = now;
      if (between.length >= frames) return done(between);
      const before = list.scrollTop;
      list.scrollTop += down ? pixels : -pixels;
      if (list.scrollTop === before) down = !down;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  };
})();
