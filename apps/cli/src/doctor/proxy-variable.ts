/** Which variable sends connections elsewhere, if one does. What NO_PROXY names goes directly. */
export function proxyVariable(url: URL, environment: NodeJS.ProcessEnv): string | undefined {
  const scheme = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy'
  const exempt = (environment['no_proxy'] ?? environment['NO_PROXY'] ?? '').split(/[\s,]+/)
  const isExempt = exempt.some(
    (one) =>
      one === '*' ||
      (one !== '' && url.hostname.endsWith(one.replace(/^\*?\.?/, '').replace(/:\d+$/, ''))),
  )
  if (isExempt) return undefined
  return [scheme, scheme.toUpperCase()].find((name) => (environment[name] ?? '') !== '')
}
