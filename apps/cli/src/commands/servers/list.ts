import { EXIT, defineOptions } from '@nomyo-internal/command-line'
import { printable, printableJson } from '@nomyo-internal/diagnostics'
import { knownServersFile } from '@nomyo/client/known-servers'
import {
  ALLOW_HTTP_OPTION,
  CONFIG_OPTIONS,
  knownServersPath,
} from '../../settings/gateway-settings.js'
import { JSON_OPTION, cliCommand, type CliCall } from '../cli-command.js'
import { stateOf, type ServerState } from './shown-keys.js'

const OPTIONS = defineOptions({
  online: { summary: 'also print wire, identity and key statement that each server shows now' },
  ...ALLOW_HTTP_OPTION,
  ...JSON_OPTION,
  ...CONFIG_OPTIONS,
})

/** `nomyo servers list`: the trusted keys, and those that the servers show now. */
export const listCommand = cliCommand({
  summary: 'list known servers',
  options: OPTIONS,
  notes: [
    'With --online, each server is also asked for its keys. The hash of its key statement is the same ' +
      'for all its clients: two of them can compare it.',
  ],
  run: list,
})

async function list(call: CliCall<typeof OPTIONS>): Promise<number> {
  const { settings, output } = call
  const { online, allowHttp, json } = settings.values
  const path = knownServersPath(call)
  const servers = await knownServersFile(path).list()
  const names = online ? [...new Set(servers.map(({ server }) => server))] : []
  const states = new Map<string, ServerState>()
  for (const name of names) {
    const known = servers.filter(({ server }) => server === name)
    states.set(name, await output.waiting(`asking ${name}`, stateOf(name, allowHttp, known)))
  }
  if (json) {
    const withState = servers.map((one) => ({ ...one, now: states.get(one.server)?.facts }))
    output.line(printableJson(withState))
  } else {
    for (const { server, fingerprint, since = '', wire } of servers) {
      const mark = wire === undefined ? '' : `  wire ${wire}`
      output.line(printable(`${server}  ${fingerprint}  ${since}${mark}`).trimEnd())
    }
    if (servers.length === 0) output.note(`nomyo: no known servers in ${path}`)
    for (const [name, { lines }] of states) {
      for (const text of [`\n${name} now:`, ...lines.map((line) => `  ${line}`)]) {
        output.line(printable(text))
      }
    }
  }
  const codes = [...states.values()].map(({ exitCode }) => exitCode)
  const worst = [EXIT.security, EXIT.unreachable, EXIT.failed]
  return worst.find((code) => codes.includes(code)) ?? EXIT.ok
}
