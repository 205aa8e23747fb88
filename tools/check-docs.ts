// Checks the documentation against the product: programs and `@example` blocks compile, commands and
// flags exist, links resolve, and blocks marked `<!-- run -->` work.
// Run after a build: tsx tools/check-docs.ts [root]
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { argv } from 'node:process'
import { makeKeyDir } from '@nomyo-internal/testing/key-dir'
import { commandFindings, helpReader } from './docs/commands.js'
import { makeConsumer } from './docs/consumer.js'
import { linkFindings } from './docs/links.js'
import { commentsOf, readMarkdown, type Markdown } from './docs/markdown.js'
import { runBlocks } from './docs/run.js'
import { isShell, syntaxFindings } from './docs/syntax.js'
import { typeFindings } from './docs/typescript.js'
import { readManifest, readMembers } from './workspace.mjs'

/** Finds everything wrong with the documentation below `root`. */
export async function checkDocs(
  root: string,
): Promise<{ files: number; blocks: number; marked: number; ran: number; findings: string[] }> {
  const files = documentsIn(root).map((path) =>
    readMarkdown(relative(root, path), readFileSync(path, 'utf8')),
  )
  const examples = sourcesIn(root).flatMap(
    (path) => readMarkdown(relative(root, path), commentsOf(readFileSync(path, 'utf8'))).blocks,
  )
  const blocks = [...files.flatMap((file) => file.blocks), ...examples]
  const consumer = mkdtempSync(join(tmpdir(), 'nomyo-docs-'))
  try {
    await makeConsumer(root, consumer)
    const callable = { programs: programsIn(root), scripts: scriptsOf(root) }
    const keyDir = join(consumer, 'keys')
    mkdirSync(keyDir)
    makeKeyDir({ 'private_key.pem': 'server' }, keyDir)
    const surroundings = { ...callable, root, consumer, keyDir }
    const help = helpReader()
    const calls = await Promise.all(
      shellTexts(files).map(async ({ at, text }) =>
        (await commandFindings(text, callable, help)).map((finding) => `${at}: ${finding}`),
      ),
    )
    const runs = await Promise.all(files.map((file) => runBlocks(file.blocks, surroundings)))
    return {
      files: files.length,
      blocks: blocks.length,
      marked: blocks.filter(({ run }) => run !== undefined).length,
      ran: runs.reduce((sum, { ran }) => sum + ran, 0),
      findings: [
        ...files.flatMap((file) => linkFindings(file, root)),
        ...typeFindings(blocks, consumer),
        ...blocks.flatMap(syntaxFindings),
        ...calls.flat(),
        ...runs.flatMap(({ findings }) => findings),
      ],
    }
  } finally {
    rmSync(consumer, { recursive: true })
  }
}

function documentsIn(root: string): string[] {
  const folders = [root, ...readMembers(root).map(({ folder }) => folder)]
  const whole = ['docs', 'examples'].map((name) => join(root, name)).filter(existsSync)
  return [
    ...folders.flatMap((folder) => markdownIn(folder, false)),
    ...whole.flatMap((folder) => markdownIn(folder, true)),
  ]
}

/** Lists the sources of the published packages, whose TSDoc has examples. */
function sourcesIn(root: string): string[] {
  const published = readMembers(root).filter(({ group }) => group === 'packages')
  return published.flatMap(({ folder }) => {
    const src = join(folder, 'src')
    const names = existsSync(src) ? readdirSync(src, { recursive: true, encoding: 'utf8' }) : []
    return names.filter((name) => name.endsWith('.ts')).map((name) => join(src, name))
  })
}

function markdownIn(folder: string, recursive: boolean): string[] {
  return readdirSync(folder, { recursive, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !/CHANGELOG\.md$|node_modules/.test(name))
    .map((name) => join(folder, name))
}

/** Blocks of the shell, and commands in the text around them. */
function shellTexts(files: readonly Markdown[]): { at: string; text: string }[] {
  return files.flatMap(({ file, blocks, prose }) => [
    ...blocks
      .filter(isShell)
      .map(({ line, setup, code }) => ({ at: `${file}:${line}`, text: `${setup}\n${code}` })),
    ...[...prose.join('\n').matchAll(/`((?:nomyo|nomyo-[\w-]+|pnpm)\s[^`]+)`/g)].map((match) => ({
      at: `${file}:${prose.join('\n').slice(0, match.index).split('\n').length}`,
      text: match[1]!.replaceAll('\n', ' '),
    })),
  ])
}

function programsIn(root: string): Map<string, string> {
  return new Map(
    readMembers(root).flatMap(({ folder, manifest: { bin } }) =>
      typeof bin === 'object'
        ? Object.keys(bin).map((name) => [name, join(folder, 'dist/main.js')] as const)
        : [],
    ),
  )
}

const scriptsOf = (root: string): string[] => Object.keys(readManifest(root).scripts ?? {})

if (argv[1] === import.meta.filename) {
  const { files, blocks, marked, ran, findings } = await checkDocs(
    argv[2] ?? join(import.meta.dirname, '..'),
  )
  console.log([...findings, `${files} files, ${blocks} blocks, ${ran} of ${marked} run`].join('\n'))
  // No block at all means that the folder is wrong.
  if (blocks === 0 || findings.length > 0) process.exitCode = 1
}
