// @ts-check
/** The page of every measure: 10 KB of HTML. */
export const HTML = Buffer.from(
  `<!doctype html><title>A page</title>${'<p>Some text of a page.</p>\n'.repeat(400)}`,
).subarray(0, 10_240)
