// Checks the documentation against the product: programs and `@example` blocks compile, commands and
// flags exist, links resolve, and blocks marked `<!-- run -->` work.
// Run after a build: node tools/check-docs.mjs [root]
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import { commandFindings, helpReader } from './docs/commands.mjs'
import { makeConsumer } from './docs/consumer.mjs'
import { linkFindings } from './docs/links.mjs'
import { commentsOf, readMarkdown } from './docs/markdown.mjs'
import { makeServerKey, runBlocks } from './docs/run.mjs'
import { isShell, syntaxFindings } from './docs/syntax.mjs'
import { typeFindings } from './docs/typescript.mjs'
import { readManifest, readMembers } from './workspace.mjs'

/** @typedef {import('./docs/markdown.mjs').Markdown} Markdown */

/**
 * Finds everything wrong with the documentation below `root`.
 *
 * @param {string} root
 * @returns {Promise<{ files: number, blocks: number, marked: number, ran: number, findings: string[] }>}
 */
export async function checkDocs(root) {
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
    const surroundings = { ...callable, root, consumer, keyDir: join(consumer, 'keys') }
    if (callable.programs.has('nomyo-gateway')) await makeServerKey(surroundings.keyDir)
    const help = helpReader()
    const found = await Promise.all([
      ...blocks.map(syntaxFindings),
      ...shellTexts(files).map(async ({ at, text }) =>
        (await commandFindings(text, callable, help)).map((finding) => `${at}: ${finding}`),
      ),
    ])
    const runs = await Promise.all(files.map((file) => runBlocks(file.blocks, surroundings)))
    return {
      files: files.length,
      blocks: blocks.length,
      marked: blocks.filter(({ run }) => run !== undefined).length,
      ran: runs.reduce((sum, { ran }) => sum + ran, 0),
      findings: [
        ...files.flatMap((file) => linkFindings(file, root)),
        ...typeFindings(blocks, consumer),
        ...found.flat(),
        ...runs.flatMap(({ findings }) => findings),
      ],
    }
  } finally {
    rmSync(consumer, { recursive: true })
  }
}

/**
 * @param {string} root
 * @returns {string[]}
 */
function documentsIn(root) {
  const folders = [root, ...readMembers(root).map(({ folder }) => folder)]
  const docs = join(root, 'docs')
  return [
    ...folders.flatMap((folder) => markdownIn(folder, false)),
    ...(existsSync(docs) ? markdownIn(docs, true) : []),
  ]
}

/**
 * Lists the sources of the published packages, whose TSDoc has examples.
 *
 * @param {string} root
 * @returns {string[]}
 */
function sourcesIn(root) {
  const published = readMembers(root).filter(({ group }) => group === 'packages')
  return published.flatMap(({ folder }) => {
    const src = join(folder, 'src')
    const names = existsSync(src) ? readdirSync(src, { recursive: true, encoding: 'utf8' }) : []
    return names.filter((name) => name.endsWith('.ts')).map((name) => join(src, name))
  })
}

/**
 * @param {string} folder
 * @param {boolean} recursive
 * @returns {string[]}
 */
function markdownIn(folder, recursive) {
  return readdirSync(folder, { recursive, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.endsWith('CHANGELOG.md'))
    .map((name) => join(folder, name))
}

/**
 * Blocks of the shell, and commands in the text around them.
 *
 * @param {readonly Markdown[]} files
 * @returns {{ at: string, text: string }[]}
 */
function shellTexts(files) {
  return files.flatMap(({ file, blocks, prose }) => [
    ...blocks
      .filter(isShell)
      .map(({ line, setup, code }) => ({ at: `${file}:${line}`, text: `${setup}\n${code}` })),
    ...[...prose.join('\n').matchAll(/`((?:nomyo|nomyo-[\w-]+|pnpm)\s[^`]+)`/g)].map((match) => ({
      at: `${file}:${prose.join('\n').slice(0, match.index).split('\n').length}`,
      text: /** @type {string} */ (match[1]).replaceAll('\n', ' '),
    })),
  ])
}

/**
 * @param {string} root
 * @returns {Map<string, string>}
 */
function programsIn(root) {
  return new Map(
    readMembers(root).flatMap(({ folder, manifest: { bin } }) =>
      typeof bin === 'object'
        ? Object.keys(bin).map(
            (name) => /** @type {const} */ ([name, join(folder, 'dist/main.js')]),
          )
        : [],
    ),
  )
}

/**
 * @param {string} root
 * @returns {string[]}
 */
const scriptsOf = (root) => Object.keys(readManifest(root).scripts ?? {})

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const { files, blocks, marked, ran, findings } = await checkDocs(
    argv[2] ?? join(import.meta.dirname, '..'),
  )
  console.log([...findings, `${files} files, ${blocks} blocks, ${ran} of ${marked} run`].join('\n'))
  // No block at all means that the folder is wrong.
  if (blocks === 0 || findings.length > 0) process.exitCode = 1
}
