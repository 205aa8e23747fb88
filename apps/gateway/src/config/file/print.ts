import { stringify } from 'yaml'
import type { GatewayConfig } from '../config.js'
import { memberName, type Flag, type Flags } from '../options/flag.js'

/** No key at all: as one it would be refused for its blank. */
const MASK = '(not shown)'

/** The settings in effect, as a config file would say them, but for keys. */
export function printConfig(
  flags: Flags,
  valuesOf: (flag: string) => readonly string[],
  config: GatewayConfig,
): string {
  const shown = Object.entries(flags).flatMap(([name, flag]): [string, unknown][] => {
    const values = valuesOf(name).map((text) => (flag.secret === true ? MASK : typed(flag, text)))
    if (flag.fileless === true || values.length === 0) return []
    return [[memberName(name), flag.list === true ? values : values.at(-1)]]
  })
  const upstreams =
    config.engine.kind === 'upstreams' && valuesOf('upstream').length === 0
      ? config.engine.upstreams.map(maskKey)
      : undefined
  const { tiers, version: policyVersion } = config.policy ?? {}
  return stringify({ ...Object.fromEntries(shown), upstreams, tiers, policyVersion })
}

const maskKey = <T extends { apiKey?: string | undefined }>(upstream: T): T =>
  upstream.apiKey === undefined ? upstream : { ...upstream, apiKey: MASK }

function typed({ value }: Flag, text: string): unknown {
  if (value === undefined) return /^(?:1|true)$/i.test(text)
  if (/^\d{1,9}$/.test(text)) return Number(text)
  // Addresses may hold passwords.
  return text.replace(/\/\/[^/@]*@/, '//')
}
