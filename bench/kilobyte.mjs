// @ts-check
/**
 * The value of the measures "of one kilobyte": a list of like-shaped records, as a query gives them. JSON takes some microseconds
 * for it, as for most real values; a few long strings of the same size would measure how fast bytes are copied.
 */

/** @param {number} id */
export const record = (id) => ({
  id: 1000 + id,
  name: `User number ${id}`,
  email: `user${id}@example.com`,
  active: id % 3 === 0,
  score: id * 1.37,
  city: 'Berlin',
  tags: ['a', 'beta', `c${id}`],
  address: { street: `Main street ${id}`, zip: `1${id % 9}345` },
  note: null,
})

export const kilobyte = Array.from({ length: 5 }, (_, id) => record(id))
