/**
 * When to try a lost server again, in milliseconds. At random, so that a thousand clients that lost it together do not
 * come back together: the first attempt anywhere within `reconnectDelay`, the next ones apart by it, by twice as much each
 * time up to `maxReconnectDelay`, and by up to a quarter more.
 *
 * @param failures attempts that failed since it last answered
 * @param random from 0 to 1
 */
export function backoff(
  failures: number,
  { reconnectDelay, maxReconnectDelay }: { reconnectDelay: number; maxReconnectDelay: number },
  random: number,
): number {
  if (failures === 0) return random * Math.min(reconnectDelay, maxReconnectDelay)
  const apart = Math.max(1, reconnectDelay) * 2 ** Math.min(20, failures - 1)
  return Math.min(maxReconnectDelay, apart) * (1 + random / 4)
}
