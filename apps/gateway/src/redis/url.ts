/** Address of one server. */
export interface RedisNode {
  readonly host: string
  readonly port: number
}

/** Where Redis is: one address, the nodes of a cluster, or Sentinels that know the master. */
export type RedisTarget =
  | { readonly kind: 'single'; readonly url: string }
  | ({ readonly kind: 'cluster' } & Servers)
  | ({
      readonly kind: 'sentinel'
      readonly master: string
      readonly database: number
      readonly sentinelUsername: string | undefined
      readonly sentinelPassword: string | undefined
    } & Servers)

interface Servers {
  readonly nodes: readonly RedisNode[]
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
}

const FORM =
  /^(rediss?)\+(cluster|sentinel):\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^/?#]*))?(?:\/(\d{1,4}))?(?:\?([^#]*))?$/
const MAX_NODES = 64
const SENTINEL_PORT = 26379
const REDIS_PORT = 6379

/**
 * Parses `redis://host:6379`, `redis+cluster://a:7000,b:7001` or
 * `redis+sentinel://s1:26379,s2:26379/mymaster`, each also with `rediss` for TLS and with
 * `user:password@`; returns undefined for other texts.
 */
export function parseRedisUrl(text: string): RedisTarget | undefined {
  if (/^rediss?:\/\/[^/]/.test(text) && URL.canParse(text)) {
    const { hostname } = new URL(text)
    return hostname === '' || hostname.includes(',') ? undefined : { kind: 'single', url: text }
  }
  const [, scheme, kind, user = '', hosts = '', path = '', database = '', query = ''] =
    FORM.exec(text) ?? []
  const nodes = parseNodes(hosts, kind === 'sentinel' ? SENTINEL_PORT : REDIS_PORT)
  const credentials = parseCredentials(user)
  const parameters = new URLSearchParams(query)
  if (nodes === undefined || credentials === undefined) return undefined
  const servers = { nodes, tls: scheme === 'rediss', ...credentials }
  if (kind === 'cluster') {
    return path === '' && database === '' && query === '' ? { kind, ...servers } : undefined
  }
  const known = [...parameters.keys()].every((name) => /^sentinel(?:Username|Password)$/.test(name))
  if (!/^[\w.-]{1,200}$/.test(path) || !known) return undefined
  return {
    kind: 'sentinel',
    ...servers,
    master: path,
    database: Number(database),
    sentinelUsername: parameters.get('sentinelUsername') ?? undefined,
    sentinelPassword: parameters.get('sentinelPassword') ?? undefined,
  }
}

function parseNodes(hosts: string, defaultPort: number): readonly RedisNode[] | undefined {
  const texts = hosts.split(',')
  if (texts.length > MAX_NODES) return undefined
  const nodes: RedisNode[] = []
  for (const text of texts) {
    const url = `redis://${text}`
    if (text === '' || !URL.canParse(url)) return undefined
    const { hostname, port } = new URL(url)
    if (hostname === '') return undefined
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    nodes.push({ host, port: port === '' ? defaultPort : Number(port) })
  }
  return nodes
}

function parseCredentials(
  user: string,
): { username: string | undefined; password: string | undefined } | undefined {
  const at = user.indexOf(':')
  const [username, password] = at < 0 ? [user, ''] : [user.slice(0, at), user.slice(at + 1)]
  try {
    return {
      username: decodeURIComponent(username) || undefined,
      password: decodeURIComponent(password) || undefined,
    }
  } catch {
    return undefined
  }
}

/** Names the servers of a target, without credentials. */
export function describeTarget(target: RedisTarget): string {
  if (target.kind === 'single') return new URL(target.url).host
  const nodes = target.nodes.map(({ host, port }) => `${host}:${String(port)}`).join(',')
  return target.kind === 'cluster' ? `the cluster of ${nodes}` : `${target.master} of ${nodes}`
}
