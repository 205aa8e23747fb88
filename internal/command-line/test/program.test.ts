import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { delimiter, join } from 'node:path'
import { format } from 'prettier'
import { describe, expect, it } from 'vitest'
import {
  UsageError,
  command,
  completedWords,
  completionCommand,
  defineOptions,
  optionsTable,
  portNumber,
  runProgram,
  type Command,
  type Program,
} from '../src/index.js'

const SERVE = defineOptions(
  {
    port: { value: 'PORT', summary: 'port to listen on', default: '80', parse: portNumber },
    tier: { value: 'TIER', summary: 'security tier', choices: ['standard', 'high'] },
    pin: { value: 'PRINT', summary: 'fingerprint | pin', repeatable: true, group: 'Trust' },
    token: { value: 'TOKEN', summary: 'token of callers', flag: false },
    keyFile: { value: 'FILE', summary: 'key', isPath: true, group: 'Trust' },
    maxConnectionsPerAddress: {
      value: 'COUNT',
      summary: 'connections of one address at a time, which is a description of some length',
      defaultSummary: 'half of all',
    },
  },
  { prefix: 'TOOL_' },
)

const ODD_FILE = { path: 'odd', members: { x: { value: '' } } }

const root: Command = command({
  summary: 'a tool',
  options: {},
  examples: [
    'tool serve --port 8080 --pin sha256/first --pin sha256/second --key-file keys/private.pem',
    'tool keys list',
  ],
  subcommands: {
    serve: {
      summary: 'serve it',
      load: () =>
        Promise.resolve(
          command({
            summary: 'unused',
            options: SERVE,
            readFile: (textOf) => (textOf('keyFile') === 'odd' ? ODD_FILE : undefined),
            run: ({ settings, context }) => {
              // Typed by its definition.
              const port: number = settings.values.port
              const tier: 'standard' | 'high' | undefined = settings.values.tier
              const pins: readonly string[] = settings.values.pin
              context.stdout.write(JSON.stringify({ port, tier, pins }))
              if (port === 1) throw new Error('broken \u001b[2Jpipe')
              return port === 2 ? 5 : 0
            },
          }),
        ),
    },
    keys: command({
      summary: 'keys',
      options: {},
      subcommands: {
        list: command({
          summary: 'list them',
          options: { json: { summary: 'as JSON' } },
          run: () => 0,
        }),
        show: command({
          summary: 'show one',
          options: {},
          operands: { usage: 'FILE', missing: 'give a key file', min: 1, words: 'paths' },
          run: ({ operands, context }) => {
            context.stdout.write(operands.join())
            return 0
          },
        }),
      },
    }),
    other: { summary: 'another program', runRaw: (args) => Promise.resolve(args.length) },
    completion: completionCommand('tool', () => root),
  },
})
const program: Program = {
  name: 'tool',
  version: '1.2.3',
  command: root,
  describeError: (error) => ({ text: (error as Error).message, exitCode: 1 }),
}

async function run(args: readonly string[], which = program) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const code = await runProgram(which, args, { environment: {}, stdin, stdout, stderr })
  const text = (stream: PassThrough): string => String((stream.read() as Buffer | null) ?? '')
  return { code, stdout: text(stdout), stderr: text(stderr) }
}

describe('a program', () => {
  it.each([
    [['serve'], 0, '{"port":80,"pins":[]}'],
    [['serve', '--port=2', '--pin=a', '--pin=b'], 5, '{"port":2,"pins":["a","b"]}'],
    [['serve', '--tier=high'], 0, '{"port":80,"tier":"high","pins":[]}'],
    [['keys', 'show', '--', '--help'], 0, '--help'],
    [['other', '--help', 'x'], 2, ''],
    [['--version'], 0, 'tool 1.2.3\n'],
    [['-V', '--json'], 0, '{"version":"1.2.3"}\n'],
  ])('runs %j', async (args, code, stdout) => {
    expect(await run(args)).toEqual({ code, stdout, stderr: '' })
  })

  it.each<[string, readonly string[], string]>([
    ['', ['sevre'], 'unknown command. Did you mean serve?'],
    ['', ['canary'], 'unknown command; the commands are serve, keys, other, completion.'],
    ['', ['toString'], 'unknown command; the commands are serve, keys, other, completion.'],
    ['', ['--canary'], 'unknown option --canary.'],
    ['keys', ['lits'], 'unknown command. Did you mean list?'],
    ['keys list', ['canary'], 'takes options only, no other arguments.'],
    ['keys show', [], 'give a key file.'],
    ['keys show', ['canary', 'canary'], 'too many arguments: FILE at most.'],
    ['serve', ['--prot'], 'unknown option --prot. Did you mean --port?'],
    ['serve', ['--key-file=odd'], 'odd: x is not a known member.'],
    ['completion', [], 'name a shell: bash, zsh, fish.'],
    ['completion', ['fihs'], 'SHELL must be one of bash, zsh, fish. Did you mean fish?'],
  ])('refuses "%s" %j with 2 and a remedy', async (path, args, text) => {
    const stderr = `tool: ${text} See ${path === '' ? '' : `tool ${path} `}--help.\n`
    const words = path.split(' ').filter((word) => word !== '')
    expect(await run([...words, ...args])).toEqual({ code: 2, stdout: '', stderr })
  })

  it('describes other errors, without what a terminal would obey', async () => {
    const { code, stderr } = await run(['serve', '--port=1'])
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'tool: broken [2Jpipe\n' })
    const { describeError: _, ...bare } = program
    await expect(run(['serve', '--port=1'], bare)).rejects.toThrow('broken')
  })

  it('takes options of a subcommand before its name', async () => {
    expect(await run(['keys', '--json', 'list'])).toEqual({ code: 0, stdout: '', stderr: '' })
    expect((await run(['keys', '--json', 'show', 'a.pem'])).stderr).toContain('tool keys show')
    expect((await run(['keys', '--help', 'show'])).stdout).toContain('tool keys COMMAND')
    expect((await run(['keys', '--json'])).stderr).toContain('unknown option --json')
  })

  it('can have an outermost command that runs', async () => {
    const single = command({
      summary: 'start',
      options: {},
      subcommands: { keys: { summary: 'keys', runRaw: () => Promise.resolve(7) } },
      run: () => {
        throw new UsageError('give a model')
      },
    })
    const other = { ...program, command: single }
    expect((await run(['keys'], other)).code).toBe(7)
    expect((await run([], other)).stderr).toBe('tool: give a model. See --help.\n')
    expect((await run(['kyes'], other)).stderr).toContain('Did you mean keys?')
  })
})

describe('a help text', () => {
  it.each([
    '--help',
    'serve -h',
    'keys show --help',
    'completion --help',
    'serve --nonsense --help',
  ])('%s fits a terminal and goes to standard output', async (line) => {
    const { code, stdout, stderr } = await run(line.split(' '))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('Usage\n  tool')
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('wraps examples between words, as a shell reads them', async () => {
    expect((await run(['--help'])).stdout).toContain(`Examples
  tool serve --port 8080 --pin sha256/first --pin sha256/second --key-file \\
    keys/private.pem
  tool keys list
`)
  })

  it.each([
    ['help', '--help'],
    ['help keys show', 'keys show --help'],
  ])('"%s" is "%s"', async (line, same) => {
    const { code, stdout } = await run(line.split(' '))
    expect(code).toBe(0)
    expect(stdout).toBe((await run(same.split(' '))).stdout)
  })

  it('refuses help for a command that does not exist', async () => {
    expect((await run(['help', 'sevre'])).code).toBe(2)
  })

  it.each([[[]], [['keys']]])('%j without a command is a usage error', async (args) => {
    expect((await run(args)).code).toBe(2)
    expect((await run(args)).stdout).toBe((await run([...args, '--help'])).stdout)
  })

  it('lists options by group, with their defaults', async () => {
    expect((await run(['serve', '--help'])).stdout).toBe(`tool serve: serve it.

Usage
  tool serve [OPTIONS]

Options
  --port PORT  port to listen on (default 80)
  --tier TIER  security tier: standard, high
  --max-connections-per-address COUNT
               connections of one address at a time, which is a description of
               some length (default half of all)

Trust
  --pin PRINT      fingerprint | pin; repeatable
  --key-file FILE  key

Environment
  TOOL_TOKEN  token of callers

  --help  print this text
`)
  })
})

it('a reference table has a heading for each group, and is what Prettier makes of it', async () => {
  const table = optionsTable(SERVE)
  expect(await format(table, { parser: 'markdown' })).toBe(`${table}\n`)
  const cells = table.split('\n').map((line) => line.replace(/ +/g, ' '))
  expect(cells).toContain('| `--port PORT` | `TOOL_PORT` | `80` | port to listen on |')
  expect(cells).toContain('| `--tier TIER` | `TOOL_TIER` | | security tier: standard, high |')
  expect(cells).toContain('| `--pin PRINT` | `TOOL_PIN` | fingerprint \\| pin; repeatable |')
  const headings = ['### Options', '### Trust', '### Environment']
  expect(cells.filter((line) => line.startsWith('#'))).toEqual(headings)
  expect(cells).toContain('| `TOOL_TOKEN` | token of callers |')
})

describe('completion', () => {
  const bash = async (line: string): Promise<string[]> => {
    const { stdout: script } = await run(['completion', 'bash'])
    const words = line.split(' ')
    const calls = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
      _tool; printf '%s\\n' "\${COMPREPLY[@]}"`
    const options = { encoding: 'utf8', cwd: import.meta.dirname } as const
    return execFileSync('bash', ['--norc', '-c', `${script}\n${calls}`], options)
      .split('\n')
      .filter((word) => word !== '')
  }

  it.each([
    ['tool ', ['serve', 'keys', 'other', 'completion']],
    ['tool s', ['serve']],
    ['tool --v', ['--version']],
    ['tool keys ', ['list', 'show']],
    ['tool keys list --', ['--json', '--help']],
    ['tool serve --tier ', ['standard', 'high']],
    ['tool serve --port keys --p', ['--port', '--pin']],
    ['tool serve --pin ', []],
    ['tool serve --key-file prog', ['program.test.ts']],
    ['tool keys show prog', ['program.test.ts']],
    ['tool completion f', ['fish']],
  ])('of "%s" in bash is %j', async (line, words) => {
    expect(await bash(line)).toEqual(words)
  })

  it.each(['bash', 'zsh', 'fish'])('is a script that %s can read', async (shell) => {
    const { stdout } = await run(['completion', shell])
    for (const { options } of await completedWords(root)) {
      for (const { name } of options) expect(stdout).toContain(name.replace(/^--/, ''))
    }
    const folders = (process.env['PATH'] ?? '').split(delimiter)
    if (folders.some((folder) => existsSync(join(folder, shell))))
      execFileSync(shell, ['-n'], { input: stdout })
  })
})
