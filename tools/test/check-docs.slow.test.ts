import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder, writeFiles } from '@nomyo-internal/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { checkDocs } from '../check-docs.js'
import { commandsOf, nextWords } from '../docs/commands.js'
import { anchorsOf } from '../docs/links.js'
import { readMarkdown } from '../docs/markdown.js'
import { moduleOf } from '../docs/typescript.js'

let root: string
beforeEach(async () => {
  root = temporaryFolder()
  await symlink(join(import.meta.dirname, '../../node_modules'), join(root, 'node_modules'))
  writeFiles(root, {
    'package.json': '{ "name": "root", "scripts": { "demo": "true" } }',
    'apps/tool/package.json': '{ "name": "tool", "bin": { "nomyo-tool": "./bin/tool.js" } }',
    'apps/tool/dist/main.js': TOOL,
    'packages/sum/package.json': SUM,
    'packages/sum/index.d.ts': 'export declare function sum(a: number, b: number): number',
    'packages/sum/index.js': 'export const sum = (a, b) => a + b',
  })
})

const TOOL = `
const words = process.argv.slice(2)
if (words.includes('--help')) {
  console.log('Usage\\n  nomyo-tool make NAME [--size N]\\n  nomyo-tool remove NAME\\n  nomyo-tool wait')
} else if (words[0] === 'wait') {
  console.log('ready')
  setInterval(() => {}, 1000)
} else console.log('made', words[1])
`
const SUM = JSON.stringify({
  name: 'sum',
  type: 'module',
  exports: { '.': { types: './index.d.ts', default: './index.js' } },
})

async function findingsOf(readme: string): Promise<string[]> {
  writeFiles(root, { 'README.md': readme })
  return (await checkDocs(root)).findings
}

const block = (language: string, code: string, comment = ''): string =>
  `# Title\n\n${comment}\n\n\`\`\`${language}\n${code}\n\`\`\`\n`

describe('checkDocs', () => {
  it('has nothing against what is right, and counts it', async () => {
    writeFiles(root, {
      'README.md':
        block('ts', `import { sum } from 'sum'\nconst three: number = sum(1, 2)`) +
        '[there](docs/more.md#two-words) `nomyo-tool make x --size 1` [web](https://a.example)',
      'docs/more.md': `## Two words\n\n${block('sh', 'nomyo-tool make x && pnpm demo')}`,
      'apps/tool/README.md': block('json', '{}') + block('yaml', 'a: 1') + block('text', '}'),
    })
    expect(await checkDocs(root)).toEqual({ files: 3, blocks: 5, marked: 0, ran: 0, findings: [] })
  })

  it('finds what does not compile, at its line', async () => {
    expect(await findingsOf(block('ts', `import { sum } from 'sum'\nsum('1', 2)`))).toEqual([
      expect.stringMatching(/^README\.md:7: TS2345/),
    ])
    expect(await findingsOf(block('ts', `import { less } from 'sum'\nless()`))).toHaveLength(1)
    expect(await findingsOf(block('js', `import { sum } from 'sum'\nsum(1)`))).toHaveLength(1)
  })

  it('finds an example in a comment of a source that does not compile, at its line', async () => {
    const source = (call: string): string =>
      `/**\n * Adds.\n *\n * @example\n * \`\`\`ts\n * import { sum } from 'sum'\n * ${call}\n * \`\`\`\n */\n`
    writeFiles(root, { 'packages/sum/src/sum.ts': source('sum(1, 2)') })
    expect(await findingsOf(block('json', '{}'))).toEqual([])
    writeFiles(root, { 'packages/sum/src/sum.ts': source("sum('1', 2)") })
    expect(await findingsOf(block('json', '{}'))).toEqual([
      expect.stringMatching(/^packages\/sum\/src\/sum\.ts:7: TS2345/),
    ])
  })

  it('takes declarations from a comment, and says when they are wrong', async () => {
    const code = 'const four: number = given + 1'
    expect(await findingsOf(block('ts', code))).toHaveLength(1)
    expect(
      await findingsOf(block('ts', code, '<!-- setup\ndeclare const given: number\n-->')),
    ).toEqual([])
    expect(
      await findingsOf(block('ts', code, '<!-- setup\ndeclare const given: Nothing\n-->')),
    ).toEqual([expect.stringMatching(/^README\.md:\d+ \(setup\): TS2304/)])
  })

  it.each([
    ['json', '{ a: 1 }'],
    ['yaml', 'a: [1'],
    ['sh', 'if true; then'],
    ['cobol', 'STOP RUN.'],
  ])('finds what is no %s', async (language, code) => {
    expect(await findingsOf(block(language, code))).toHaveLength(1)
  })

  it.each([
    'nomyo-tool make x --weight 1',
    'nomyo-tool destroy x',
    'nomyo-gone make x',
    'KEY=value nomyo-tool make x \\\n  --weight 1',
    'true && sudo nomyo-tool destroy x',
    'node apps/tool/dist/main.js destroy x',
    'npx --yes pnpm@10.34.9 gone',
  ])('finds what cannot be called: %s', async (command) => {
    expect(await findingsOf(block('sh', command))).toHaveLength(1)
  })

  it('finds what cannot be called in the text', async () => {
    expect(await findingsOf('Say `nomyo-tool make x\n--weight 1` or `pnpm gone`.')).toEqual([
      'README.md:1: nomyo-tool make knows no --weight',
      'README.md:2: there is no script gone',
    ])
  })

  it.each(['[a](gone.md)', '[a](#gone)', '[a](docs/more.md#gone)', '<img src="gone.svg">'])(
    'finds that %s leads nowhere',
    async (link) => {
      writeFiles(root, { 'docs/more.md': '# More' })
      expect(await findingsOf(link)).toHaveLength(1)
    },
  )

  describe('with blocks that are run', () => {
    it('runs them in turn, with the programs there are', async () => {
      const program = `import { sum } from 'sum'\nif (sum(1, 2) !== 3) throw new Error('no')`
      const readme =
        block('json', '{}', '<!-- file: a.json -->') +
        block('sh', 'test -f a.json\nnomyo-tool make x > made', '<!-- run -->') +
        block('sh', 'test "$(cat made)" = "made x"', '<!-- run -->') +
        block('ts', program, '<!-- run -->')
      expect(await findingsOf(readme)).toEqual([])
    })

    it.each([
      ['sh', 'false\ntrue'],
      ['sh', 'echo "$unset"'],
      ['ts', `throw new Error('no')`],
    ])('finds that %s fails', async (language, code) => {
      expect(await findingsOf(block(language, code, '<!-- run -->'))).toHaveLength(1)
    })

    it('runs nothing that needs a program which is not there, and counts that', async () => {
      const gone = block('sh', 'false', '<!-- needs: sh nomyo-no-such-program -->\n<!-- run -->')
      writeFiles(root, {
        'README.md': block('sh', 'true', '<!-- needs: sh -->\n<!-- run -->') + gone,
      })
      expect(await checkDocs(root)).toMatchObject({ marked: 2, ran: 1, findings: [] })
    })

    it('leaves one running until the end, and finds one that ended too soon', async () => {
      const wait = 'node apps/tool/dist/main.js wait'
      const left = block('sh', wait, '<!-- run: until ready -->')
      expect(await findingsOf(left + block('sh', 'true', '<!-- run -->'))).toEqual([])
      expect(await findingsOf(block('sh', 'true', '<!-- run: until ready -->'))).toHaveLength(1)
    })
  })
})

describe('readMarkdown', () => {
  it('knows where blocks begin, also within lists', () => {
    const { blocks, prose } = readMarkdown('a.md', '- a\n\n  ```sh\n  b\n    c\n  ```\n\nd')
    expect(blocks).toMatchObject([{ line: 4, language: 'sh', code: 'b\n  c', run: undefined }])
    expect(prose.filter((line) => line !== '')).toEqual(['- a', 'd'])
  })

  it('gives a comment to the block right after it only', () => {
    const { blocks } = readMarkdown('a.md', '<!-- run -->\n\ntext\n\n```sh\na\n```\n')
    expect(blocks[0]?.run).toBeUndefined()
  })
})

it('names anchors as GitHub does', () => {
  const text = '# The `a_b` of c?\n## D & E\n## D & E\n```sh\n# no heading\n```'
  expect(anchorsOf(readMarkdown('a.md', text))).toEqual(['the-a_b-of-c', 'd--e', 'd--e-1'])
})

it('reads modules as pages and Deno name them', () => {
  const code = `import a from 'https://unpkg.com/nomyo-js@0.1.0/dist/x.js'\nimport b from "npm:@a/b@1"`
  const { blocks } = readMarkdown('a.md', block('ts', code))
  expect(moduleOf(blocks[0]!)).toContain(`import a from 'nomyo-js'\nimport b from '@a/b'`)
})

it('finds calls behind variables, users and pipes', () => {
  const programs = new Map([['nomyo-tool', '/apps/tool/dist/main.js']])
  const text = `A='b c' runuser -u nomyo -- nomyo-tool a | nomyo-tool b # nomyo-tool c`
  expect(commandsOf(text, programs).map(({ words }) => words)).toEqual([['a'], ['b']])
})

it('reads from a help text what may follow', () => {
  const help =
    'Usage: x COMMAND\n\nCommands\n  a   does\n  b   too\n\n  x keys add | list | drop NAME'
  expect([...nextWords(help, ['x']).literals]).toEqual(['keys', 'a', 'b'])
  expect([...nextWords(help, ['x', 'keys']).literals]).toEqual(['add', 'list', 'drop'])
  expect([...nextWords('Usage: x keys add|list', ['x', 'keys']).literals]).toEqual(['add', 'list'])
})
