/** Whether a host, as it stands in a URL or in `--host`, can be nothing but this machine. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?)$/i.test(host)
}
