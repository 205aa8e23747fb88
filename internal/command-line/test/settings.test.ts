import { describe, expect, it } from 'vitest'
import {
  OptionProblem,
  byteSize,
  decimalNumber,
  defineOptions,
  duration,
  matching,
  parsedBy,
  portNumber,
  readSettings,
  suggestion,
  visibleAscii,
  webOrigin,
  wholeNumber,
  type FileSettings,
} from '../src/index.js'

const OPTIONS = defineOptions(
  {
    config: { value: 'FILE', summary: 'config file', member: false },
    host: { value: 'HOST', summary: 'address', default: '127.0.0.1' },
    port: { value: 'PORT', summary: 'port', default: '80', parse: portNumber },
    logLevel: { value: 'LEVEL', summary: 'verbosity', choices: ['info', 'warn'] },
    apiKey: { value: 'KEY', summary: 'keys', repeatable: true, secret: true, parse: visibleAscii },
    policy: { value: 'FILE', summary: 'policy' },
    pin: { value: 'PIN', summary: 'pins', repeatable: true, member: 'pins' },
    gateway: { value: 'URL', summary: 'gateway', variable: 'NOMYO_BASE_URL' },
    traces: { value: 'URL', summary: 'traces', variable: 'OTEL_URL', emptyIsUnset: true },
    noToken: { summary: 'no token' },
    web: { summary: 'page', variable: false },
    token: { value: 'TOKEN', summary: 'token', flag: false, secret: true, member: false },
  },
  { prefix: 'NOMYO_', file: true },
)

type Members = FileSettings['members']

const read = (
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  members?: Members,
) =>
  readSettings(OPTIONS, {
    args,
    environment,
    readFile: () => members && { path: 'tool.yaml', members },
  })

const mistake = (message: string): Error =>
  expect.objectContaining({ name: 'UsageError', message }) as Error

describe('settings', () => {
  it('come from flags, else variables, else the file, else defaults', () => {
    const members = { port: { value: 3 }, host: { value: '::1' }, logLevel: { value: 'warn' } }
    const environment = { NOMYO_PORT: '2', NOMYO_LOG_LEVEL: 'info', NOMYO_BASE_URL: 'http://x' }
    expect(read(['--port', '1', '--web'], environment, members).values).toEqual({
      port: 1,
      logLevel: 'info',
      host: '::1',
      gateway: 'http://x',
      apiKey: [],
      pin: [],
      noToken: false,
      web: true,
      config: undefined,
      policy: undefined,
      token: undefined,
      traces: undefined,
    })
    expect(read([], {}, members).values).toMatchObject({ port: 3, logLevel: 'warn' })
    expect(read([]).values).toMatchObject({ port: 80, host: '127.0.0.1', logLevel: undefined })
  })

  it('tell whether they were given', () => {
    const settings = read(['--no-token'], { NOMYO_HOST: 'h' }, { port: { value: '3' } })
    expect(settings.values.noToken).toBe(true)
    const names = ['noToken', 'host', 'port', 'logLevel', 'web'] as const
    expect(names.map((name) => settings.given(name))).toEqual([true, true, true, false, false])
  })

  it.each([
    [['--port=1', '--port', '2'], {}, { port: 2 }],
    [['--api-key=a', '--api-key', 'b,c'], { NOMYO_API_KEY: 'd' }, { apiKey: ['a', 'b,c'] }],
    [[], { NOMYO_API_KEY: 'a,b' }, { apiKey: ['a', 'b'] }],
    [[], { NOMYO_NO_TOKEN: 'TRUE' }, { noToken: true }],
    [['--no-token'], { NOMYO_NO_TOKEN: '0' }, { noToken: true }],
    [[], { NOMYO_NO_TOKEN: '0' }, { noToken: false }],
    [[], { NOMYO_PORT: 'tcp://10.0.0.1:12435' }, { port: 80 }],
    [[], { NOMYO_HOST: 'tcp://10.0.0.1:12435' }, { host: 'tcp://10.0.0.1:12435' }],
    [['--port=1'], { NOMYO_PORT: 'udp://[fd00::1]:80' }, { port: 1 }],
    [[], { NOMYO_TOKEN: 'a' }, { token: 'a' }],
    [[], { OTEL_URL: '' }, { traces: undefined }],
    [[], { NOMYO_WEB: '1' }, { web: false }],
    [['--policy=p'], { NOMYO_POLICY: '' }, { policy: 'p' }],
    [['--host=-x'], {}, { host: '-x' }],
    [['--host=a=b'], {}, { host: 'a=b' }],
  ] as const)('of %j and %j', (args, environment, values) => {
    expect(read(args, environment).values).toMatchObject(values)
  })

  it('name the variables that Kubernetes sets for a service of that name', () => {
    const environment = { NOMYO_PORT: 'tcp://10.0.0.1:12435', NOMYO_PORT_12435_TCP: 'tcp://x:1' }
    expect(read([], environment).serviceLinks).toEqual(['NOMYO_PORT'])
    expect(read([], { NOMYO_PORT: '1' }).serviceLinks).toEqual([])
  })

  it('of a file can be lists', () => {
    const members: Members = { apiKey: { value: ['a,b', 'c'] } }
    expect(read([], {}, members).values.apiKey).toEqual(['a,b', 'c'])
    expect(read([], {}, { apiKey: { value: 'a' } }).values.apiKey).toEqual(['a'])
  })

  it('of a file can be booleans, and members that other commands read', () => {
    const readFile = () => ({
      path: 'f',
      members: { web: { value: true }, x: { value: 'y' } },
      known: ['x'],
    })
    const settings = readSettings(OPTIONS, { args: [], readFile })
    expect(settings.values.web).toBe(true)
    expect(settings.source('web')).toMatchObject({ kind: 'file', member: 'web' })
    expect(settings.source('policy')).toBeUndefined()
  })

  it('hold the operands, and keep text behind -- as it is', () => {
    expect(read(['a', '--web', '-', '--', '--port', '-x']).operands).toEqual([
      'a',
      '-',
      '--port',
      '-x',
    ])
  })

  it('pass the path of the file to its reader, by flag or variable', () => {
    for (const [args, environment] of [
      [['--config=f'], { NOMYO_CONFIG: 'g' }],
      [[], { NOMYO_CONFIG: 'f' }],
    ] as const) {
      const paths: unknown[] = []
      const readFile = (textOf: (name: string) => string | undefined): undefined => {
        paths.push(textOf('config'), textOf('host'))
      }
      readSettings(OPTIONS, { args, environment, readFile })
      expect(paths).toEqual(['f', undefined])
    }
  })

  it('in effect are printed without secrets', () => {
    const args = ['--api-key=canary', '--no-token', '--gateway=http://user:canary@x/']
    expect(read(args, { NOMYO_CONFIG: 'x' }).inEffect()).toEqual({
      host: '127.0.0.1',
      port: 80,
      apiKey: ['(not shown)'],
      gateway: 'http://x/',
      noToken: true,
    })
  })
})

const NEEDS_VALUE = 'needs a value; one that begins with a dash is given as'
const EMPTY_VARIABLE = 'is set, but empty: give it a value, or unset it.'
const NOT_ASCII = 'must be visible ASCII characters, without blanks.'

describe('a mistake', () => {
  it.each([
    [['--port'], `--port ${NEEDS_VALUE} --port=VALUE.`],
    [['--port='], `--port ${NEEDS_VALUE} --port=VALUE.`],
    [['--port', ' '], `--port ${NEEDS_VALUE} --port=VALUE.`],
    [['--api-key=a', '--api-key=canary b'], `--api-key (value 2) ${NOT_ASCII}`],
    [['--api-key', '--web'], `--api-key ${NEEDS_VALUE} --api-key=VALUE.`],
    [['--api-key', '-canary'], `--api-key ${NEEDS_VALUE} --api-key=VALUE.`],
    [['--web=canary'], '--web takes no value.'],
    [['--help=canary'], '--help takes no value.'],
    [['--prot', 'canary'], 'unknown option --prot. Did you mean --port?'],
    [['--apikey=canary'], 'unknown option --apikey. Did you mean --api-key?'],
    [['--notoken'], 'unknown option --notoken. Did you mean --no-token?'],
    [['--apiKey=canary'], 'unknown option --apiKey. Did you mean --api-key?'],
    [['--token=canary'], 'unknown option --token.'],
    [['--constructor'], 'unknown option --constructor.'],
    [['-x'], 'unknown option -x.'],
    [['-canary'], 'unknown option: put -- before text that begins with a dash.'],
    [['--s3canary'], 'unknown option: put -- before text that begins with a dash.'],
    [['--port=65536'], '--port must be a whole number from 0 to 65535.'],
    [['--port', '-1'], '--port must be a whole number from 0 to 65535.'],
    [['--log-level=inof'], '--log-level must be one of info, warn. Did you mean info?'],
  ])('in %j names the option, without its value', (args, text) => {
    expect(() => read(args)).toThrow(mistake(text))
  })

  it.each([
    ['NOMYO_PORT', 'canary', 'must be a whole number from 0 to 65535.'],
    ['NOMYO_NO_TOKEN', 'canary', 'must be 1, true, 0 or false.'],
    ['NOMYO_POLICY', '', EMPTY_VARIABLE],
    ['NOMYO_PORT', '', EMPTY_VARIABLE],
    ['NOMYO_NO_TOKEN', '', EMPTY_VARIABLE],
    ['NOMYO_TOKEN', ' ', EMPTY_VARIABLE],
    ['NOMYO_API_KEY', '', EMPTY_VARIABLE],
    ['NOMYO_API_KEY', 'canary,', 'has an empty value between its commas: omit it.'],
    ['NOMYO_API_KEY', 'a,,canary', 'has an empty value between its commas: omit it.'],
    ['NOMYO_API_KEY', 'a,canary b', `(value 2) ${NOT_ASCII}`],
    ['NOMYO_PORT', 'tcp://10.0.0.1', 'must be a whole number from 0 to 65535.'],
    ['NOMYO_PORT', 'http://10.0.0.1:1', 'must be a whole number from 0 to 65535.'],
  ])('in %s=%j names the variable, without its value', (variable, value, problem) => {
    const environment = { [variable]: value }
    expect(() => read([], environment)).toThrow(mistake(`${variable} ${problem}`))
  })

  it.each<[Members, string]>([
    [{ port: { value: 'canary', line: 3 } }, ':3: port must be a whole number from 0 to 65535.'],
    [
      { apiKey: { value: ['a', 'canary b'], line: 1, lines: [2, 3] } },
      `:3: apiKey[1] ${NOT_ASCII}`,
    ],
    [{ apiKey: { value: 'canary b', line: 1 } }, `:1: apiKey ${NOT_ASCII}`],
    [{ host: { value: ['canary'], line: 1 } }, ':1: host must be text or a number.'],
    [{ host: { value: '' } }, ': host is empty: give it a value, or omit it.'],
    [{ policy: { value: ' ' } }, ': policy is empty: give it a value, or omit it.'],
    [{ policy: { value: null } }, ': policy must be text or a number.'],
    [{ noToken: { value: '' } }, ': noToken must be true or false.'],
    [{ apiKey: { value: [] } }, ': apiKey must be a list that is not empty.'],
    [{ apiKey: { value: ['a', ''] } }, ': apiKey[1] is empty: give it a value, or omit it.'],
    [{ noToken: { value: 'canary' } }, ': noToken must be true or false.'],
    [{ hots: { value: 'canary', line: 2 } }, ':2: hots is not a known member. Did you mean host?'],
    [{ apiKey: { value: { a: 1 } } }, ': apiKey must be text or a list of texts.'],
    [{ apiKey: { value: ['a', true] } }, ': apiKey[1] must be text or a number.'],
    [{ apiKey: { value: 'canary,b' } }, ': apiKey must have no comma: give a list.'],
    [{ pins: { value: [] } }, ': pins must be a list that is not empty.'],
    [{ host: { value: true } }, ': host must be text or a number.'],
    [{ config: { value: 'canary', line: 2 } }, ':2: config is not a known member.'],
  ])('in a file with %j names the member, without its value', (members, text) => {
    expect(() => read([], {}, members)).toThrow(mistake(`tool.yaml${text}`))
  })

  it('that only the program can see names the place too', () => {
    const settings = read(
      ['--host=h'],
      { NOMYO_PORT: '1' },
      { logLevel: { value: 'info', line: 7 } },
    )
    expect(settings.mistake('host', 'needs a port').message).toBe('--host needs a port.')
    expect(settings.mistake('port', 'is odd').message).toBe('NOMYO_PORT is odd.')
    expect(settings.mistake('logLevel', 'is odd').message).toBe('tool.yaml:7: logLevel is odd.')
    expect(settings.mistake('token', 'is missing').message).toBe('NOMYO_TOKEN is missing.')
    expect(settings.mistake('policy', 'is missing')).toMatchObject({
      message: '--policy is missing.',
      option: 'policy',
      problem: 'is missing',
    })
  })
})

const count = wholeNumber(1, 100)
const temperature = decimalNumber(0, 2)
const time = duration('1s', '30d', '90s')
const size = byteSize('1KiB', '256MiB')
const letters = matching(/^a+$/, 'must be a')
const host = parsedBy((text) => new URL(text).host, 'must be a URL')

describe('values', () => {
  it.each([
    [count, ['1', '100', '007'], [1, 100, 7]],
    [temperature, ['0', '1.5', '2'], [0, 1.5, 2]],
    [time, ['1s', '90s', '10m', '24h'], [1000, 90_000, 600_000, 86_400_000]],
    [time, ['30d'], [2_592_000_000]],
    [size, ['1024', '2KiB', '16 mib'], [1024, 2048, 16_777_216]],
    [letters, ['a', 'aa'], ['a', 'aa']],
    [webOrigin, ['HTTPS://App.Example:443'], ['https://app.example']],
    [webOrigin, ['http://[::1]:3000'], ['http://[::1]:3000']],
    [host, ['http://a/'], ['a']],
  ] as const)('%# are read within limits: %j', (parse, texts, values) => {
    expect(texts.map((text) => parse(text))).toEqual(values)
  })

  it.each([
    [count, ['0', '101', '1.5', '-1', '0x1', '1e1', '', ' 1']],
    [temperature, ['2.1', '-1', '.5', '1.', 'warm']],
    [time, ['0s', '31d', '10', 'm', '1.5m', '-1s', 'off']],
    [size, ['1023', '257MiB', '16 apples', 'KiB', '-1']],
    [letters, ['', 'b']],
    [webOrigin, ['*', 'null', 'app.example', 'https://*.example', 'https://a/b']],
    [webOrigin, ['https://u@a', 'https://a?b', 'https://']],
    [host, ['a']],
  ] as const)('%# are refused beyond them: %j', (parse, wrong) => {
    for (const text of wrong) expect(() => parse(text), text).toThrow(OptionProblem)
  })
})

describe('a suggestion', () => {
  it.each([
    ['xyz', ['chat', 'doctor'], undefined],
    ['cha', ['chat', 'chaos'], 'chat'],
    ['log', ['log-level', 'host'], 'log-level'],
    ['keydir', ['key-dir', 'keys-file'], 'key-dir'],
    ['prot', ['port', 'proxy'], 'port'],
    ['doctro', ['doctor', 'demo'], 'doctor'],
    ['x', [], undefined],
  ])('for %s among %j is %s', (given, known, meant) => {
    expect(suggestion(given, known)).toBe(meant)
  })
})
