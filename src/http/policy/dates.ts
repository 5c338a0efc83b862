/**
 * HTTP-date (RFC 9110 §5.6.7), to the letter: IMF-fixdate, the format of RFC 850 and asctime, GMT only.
 * `Date.parse` takes far more than that, and an `Expires` that only it can read is one the RFC calls
 * already expired. Only the letter case of weekday, month and zone is forgiven.
 */
const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const MONTH = `(${MONTHS.join('|')})`
const TIME = '(\\d\\d):(\\d\\d):(\\d\\d)'
const IMF_FIXDATE = new RegExp(
  `^(?:mon|tue|wed|thu|fri|sat|sun), (\\d\\d) ${MONTH} (\\d{4}) ${TIME} gmt$`,
  'i',
)
const RFC_850 = new RegExp(
  `^(?:mon|tues|wednes|thurs|fri|satur|sun)day, (\\d\\d)-${MONTH}-(\\d\\d) ${TIME} gmt$`,
  'i',
)
const ASCTIME = new RegExp(`^(?:mon|tue|wed|thu|fri|sat|sun) ${MONTH} ([ \\d]\\d) ${TIME} (\\d{4})$`, 'i')
const LONGEST = 'Wednesday, 09-Nov-94 08:49:37 GMT'.length

/**
 * The instant a date names, in milliseconds since 1970, or undefined where it is no HTTP-date.
 * `now` places the two-digit years of RFC 850: more than 50 years ahead is in the past.
 */
export function parseHttpDate(text: string, now: number): number | undefined {
  if (text.length > LONGEST) return undefined
  let found = IMF_FIXDATE.exec(text)
  if (found) return instant(found[3]!, found[2]!, found[1]!, found[4]!, found[5]!, found[6]!)
  found = ASCTIME.exec(text)
  if (found) return instant(found[6]!, found[1]!, found[2]!, found[3]!, found[4]!, found[5]!)
  found = RFC_850.exec(text)
  if (found) return instant(fullYear(found[3]!, now), found[2]!, found[1]!, found[4]!, found[5]!, found[6]!)
  return undefined
}

/** An instant as IMF-fixdate, such as `Sun, 17 Jul 2016 10:00:02 GMT`. Whole seconds, cut off. */
export function formatHttpDate(instant: number): string {
  // The years that HTTP can write; a page without end must not make an unreadable date.
  return new Date(Math.min(Math.max(instant, 0), Date.UTC(9999, 11, 31, 23, 59, 59))).toUTCString()
}

function fullYear(twoDigits: string, now: number): string {
  const thisYear = new Date(now).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + Number(twoDigits)
  if (year > thisYear + 50) return String(year - 100)
  return String(year < thisYear - 49 ? year + 100 : year)
}

function instant(
  year: string,
  month: string,
  day: string,
  hour: string,
  minute: string,
  second: string,
): number | undefined {
  const date = new Date(0)
  date.setUTCFullYear(Number(year), MONTHS.indexOf(month.toLowerCase()), Number(day))
  // 31 February rolls over to March: such a day does not exist.
  if (date.getUTCDate() !== Number(day)) return undefined
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined
  return date.setUTCHours(Number(hour), Number(minute), Number(second))
}
