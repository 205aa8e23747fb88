/** Whether text is the base URL of a model server: paths are put after it, and keys have a place of their own. */
export function isUpstreamUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, search, hash } = new URL(text)
  const isHttp = protocol === 'http:' || protocol === 'https:'
  return isHttp && [username, password, search, hash].every((part) => part === '')
}

/** Whether nobody on the way can read along: by TLS, or because there is no way. */
export function isPrivateUrl(text: string): boolean {
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)
}
