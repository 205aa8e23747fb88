/** This machine, as the host of a parsed URL names it; `0.0.0.0` and `::` reach it, too. */
const LOOPBACK =
  /^(?:(?:.+\.)?localhost\.?|127\.[\d.]+|0\.0\.0\.0|\[::(?:1|ffff:7f[\da-f]{2}:[\da-f]+)?\])$/

/** Checks for an address of this machine: a proxy would see what is meant for it alone, and could answer. */
export const isLoopback = (url: string | URL): boolean => LOOPBACK.test(new URL(url).hostname)
