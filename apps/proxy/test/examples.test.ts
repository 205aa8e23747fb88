import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isInstalled, startProgram, stopAfterTest, temporaryFolder } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { API_KEY, MAIN, ask, caller, readConfig, useGateway } from './support.js'

const gateway = useGateway()

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../examples/${name}`, import.meta.url))
const [unit = '', plist = '', task = ''] = [
  'nomyo-proxy.service',
  'ai.nomyo.proxy.plist',
  'nomyo-proxy-task.xml',
].map((name) => readFileSync(pathOf(name), 'utf8'))

const unescaped = (xml: string): string => xml.replaceAll('&gt;', '>')

/** The commands that the services start, as a shell reads them. */
const commands = {
  systemd: `exec ${/^ExecStart=(.*)$/m.exec(unit)?.[1] ?? ''}`.replaceAll('%h', '$HOME'),
  launchd: unescaped(/<string>(exec .*)<\/string>/.exec(plist)?.[1] ?? ''),
  windows: unescaped(/<Arguments>\/d \/s \/c "(.*)"<\/Arguments>/.exec(task)?.[1] ?? ''),
}

/** Values of an option of the unit. */
const inUnit = (name: string): number => Number(new RegExp(`^${name}=(\\d+)$`, 'm').exec(unit)?.[1])

describe('a service', () => {
  it.each([
    ['systemd', commands.systemd, inUnit('TimeoutStopSec')],
    ['launchd', commands.launchd, Number(/ExitTimeOut<\/key>\s*<integer>(\d+)</.exec(plist)?.[1])],
    ['windows', commands.windows, Infinity],
  ])('has options that exist, and time to drain: %s', (_name, command, stopsAfter) => {
    const [call = ''] = command.split(' 2>>')
    const args = [...call.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!)
    const options = args.slice(args.findIndex((word) => word.startsWith('--')))
    const { apiKeyFile, tokenFile, drainTimeout } = readConfig(options, {})
    expect(apiKeyFile).toMatch(/[/\\]\.nomyo[/\\]api_key$/)
    expect(tokenFile).toMatch(/[/\\]\.nomyo[/\\]proxy_token$/)
    expect(drainTimeout / 1000).toBeLessThan(stopsAfter)
  })

  it.each([
    ['systemd', commands.systemd],
    ['launchd', commands.launchd],
  ])('starts the proxy, which answers with the token of its file: %s', async (_name, command) => {
    const HOME = temporaryFolder()
    for (const folder of ['.nomyo', '.local/bin', 'Library/Logs'])
      mkdirSync(join(HOME, folder), { recursive: true })
    writeFileSync(join(HOME, '.nomyo/api_key'), `${API_KEY}\n`, { mode: 0o600 })
    const bin = join(HOME, '.local/bin')
    symlinkSync(MAIN, join(bin, 'nomyo-proxy'))
    const environment = {
      NOMYO_BASE_URL: gateway(),
      NOMYO_PROXY_ALLOW_HTTP: 'true',
      NOMYO_PROXY_PORT: '0',
      NODE_OPTIONS: `--import=${import.meta.resolve('@nomyo-internal/testing/vector-keys')}`,
    }
    const PATH = [bin, dirname(process.execPath), '/usr/bin', '/bin'].join(':')
    const program = stopAfterTest(
      startProgram('/bin/sh', ['-c', command], {
        env: { HOME, PATH, ...environment },
        cwd: HOME,
      }),
    )
    const url = await program.prints(/^listening on (\S+)$/m)
    const token = readFileSync(join(HOME, '.nomyo/proxy_token'), 'utf8').trim()
    const headers = caller({ authorization: `Bearer ${token}` })
    expect((await ask(`${url}/v1/models`, { headers })).status).toBe(200)
    expect((await program.stop()).code).toBe(0)
  })
})

describe.skipIf(!isInstalled('systemd-analyze'))('the unit', () => {
  it('has nothing wrong, and restarts but for a wrong command line', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'nomyo-proxy.service')
    // Verified with a command that is here.
    writeFileSync(path, unit.replace('%h/.local/bin/nomyo-proxy', process.execPath))
    const verify = (file: string) =>
      execFileSync('systemd-analyze', ['--user', 'verify', file], {
        encoding: 'utf8',
        env: { ...process.env, XDG_RUNTIME_DIR: folder },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
    expect(verify(path)).toBe('')
    expect(unit).toMatch(/^Restart=on-failure$/m)
    expect(unit).toMatch(/^RestartPreventExitStatus=2$/m)
  })
})

describe.skipIf(!isInstalled('python3'))('the file for launchd', () => {
  it('is a property list, with keys and types of launchd.plist(5)', () => {
    const script =
      'import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], "rb"))))'
    const agent = JSON.parse(
      execFileSync('python3', ['-c', script, pathOf('ai.nomyo.proxy.plist')], { encoding: 'utf8' }),
    ) as Record<string, unknown>
    expect(agent).toEqual({
      Label: 'ai.nomyo.proxy',
      ProgramArguments: ['/bin/sh', '-c', commands.launchd],
      EnvironmentVariables: { PATH: expect.stringMatching(/^(?:\/[\w/]+:?)+$/) },
      RunAtLoad: true,
      KeepAlive: { SuccessfulExit: false },
      ThrottleInterval: expect.any(Number),
      ExitTimeOut: 30,
      Umask: 0o077,
      HardResourceLimits: { Core: 0 },
    })
  })
})

/** Children in their order, and values, of the schema that Microsoft publishes for tasks ([MS-TSCH]). */
const TASK_SCHEMA: Readonly<Record<string, readonly string[] | RegExp>> = {
  Task: ['RegistrationInfo', 'Triggers', 'Principals', 'Settings', 'Actions'],
  RegistrationInfo: ['Description', 'URI'],
  Description: /./,
  URI: /^\\[\w-]+$/,
  Triggers: ['LogonTrigger'],
  LogonTrigger: ['Repetition', 'Enabled', 'UserId'],
  Repetition: ['Interval'],
  // One minute at least.
  Interval: /^PT[1-9]\d*M$/,
  Enabled: /^(?:true|false)$/,
  UserId: /./,
  Principals: ['Principal'],
  Principal: ['UserId', 'LogonType', 'RunLevel'],
  LogonType: /^(?:S4U|Password|InteractiveToken|InteractiveTokenOrPassword)$/,
  RunLevel: /^(?:LeastPrivilege|HighestAvailable)$/,
  Settings: [
    'MultipleInstancesPolicy',
    'DisallowStartIfOnBatteries',
    'StopIfGoingOnBatteries',
    'StartWhenAvailable',
    'ExecutionTimeLimit',
    'Priority',
  ],
  MultipleInstancesPolicy: /^(?:Parallel|Queue|IgnoreNew|StopExisting)$/,
  DisallowStartIfOnBatteries: /^(?:true|false)$/,
  StopIfGoingOnBatteries: /^(?:true|false)$/,
  StartWhenAvailable: /^(?:true|false)$/,
  ExecutionTimeLimit: /^PT\d+S$/,
  Priority: /^(?:\d|10)$/,
  Actions: ['Exec'],
  Exec: ['Command', 'Arguments'],
  Command: /^.{1,260}$/,
  Arguments: /./,
}

/** An element, by its name in the namespace of tasks. */
interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly text: string
  readonly children: readonly Element[]
}

const READ_TASK = `
import json, sys, xml.etree.ElementTree as tree
space = '{http://schemas.microsoft.com/windows/2004/02/mit/task}'
def read(element):
    assert element.tag.startswith(space)
    return {'name': element.tag[len(space):], 'attributes': element.attrib,
            'text': element.text or '', 'children': [read(child) for child in element]}
print(json.dumps(read(tree.parse(sys.argv[1]).getroot())))
`

describe.skipIf(!isInstalled('python3'))('the task for Windows', () => {
  const all = (element: Element): Element[] => [element, ...element.children.flatMap(all)]
  const elements = (): Element[] => {
    const parameters = ['-c', READ_TASK, pathOf('nomyo-proxy-task.xml')]
    return all(JSON.parse(execFileSync('python3', parameters, { encoding: 'utf8' })) as Element)
  }

  it('has elements and values of the schema, in its order', () => {
    for (const { name, text, children } of elements()) {
      const allowed = TASK_SCHEMA[name]
      if (allowed instanceof RegExp) expect(text, name).toMatch(allowed)
      else
        expect(
          children.map((child) => child.name),
          name,
        ).toEqual(allowed)
    }
    const attributesOf = (name: string) => elements().find((one) => one.name === name)?.attributes
    expect(attributesOf('Task')).toEqual({ version: '1.2' })
    expect(attributesOf('Actions')?.['Context']).toBe(attributesOf('Principal')?.['id'])
  })

  it('has the user in both places that the commands in its head replace', () => {
    const [, user = ''] = /\.Replace\('(.*)', \(whoami\)\)/.exec(task) ?? []
    const users = elements().filter(({ name }) => name === 'UserId')
    expect(users.map(({ text }) => text)).toEqual([user, user])
  })

  it('declares no encoding, which the text that PowerShell hands on does not have', () => {
    expect(task).toMatch(/^<\?xml version="1.0"\?>\n/)
    // ASCII is the same in every encoding that it may be read with.
    expect(task).toMatch(/^[\0-\x7f]*$/)
  })
})
