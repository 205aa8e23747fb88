import { matching } from '@nomyo-internal/command-line'

/** Reads a name of `--allow-host` as it is in a Host header, with a port or without. */
export const parseHostName = (text: string): string => hostName(text).toLowerCase()

const hostName = matching(
  /^(?:[a-z\d](?:[a-z\d.-]*[a-z\d])?|\[[\da-f:.]+\])(?::\d{1,5})?$/i,
  'must be a name or name:port, without a scheme or patterns',
)

/**
 * Lists the Host headers of this proxy: the names of loopback and further ones, each with its port and
 * without. A further name with a port of its own counts as it is.
 */
export function ownHosts(port: number, names: readonly string[]): ReadonlySet<string> {
  const all = ['127.0.0.1', 'localhost', '[::1]', ...names]
  return new Set(
    all.flatMap((name) => (/[^:\]]:\d+$|\]:\d+$/.test(name) ? [name] : [name, `${name}:${port}`])),
  )
}
