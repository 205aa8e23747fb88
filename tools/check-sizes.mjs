// Measures what every public subpath weighs, holds it to its budget, and the READMEs to the figures.
// Run after a build: node tools/check-sizes.mjs [--write]
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import { layerRules } from './layers/rules.mjs'
import { gzipBudgets, unpackedBudget } from './sizes/budgets.mjs'
import { gzippedSize, unpackedSize } from './sizes/measure.mjs'
import { fileFor, publicSubpaths, readPublished } from './workspace.mjs'

/**
 * @typedef {object} Figure
 * @property {string} name as in the first column of a table of the README
 * @property {string} text as in the last column, such as `7.5 kB + 5.4 kB on demand`
 * @property {number[]} bytes those in the text
 * @property {number | undefined} budget for the first of them
 */

/** How far a README may be off. */
const TOLERANCE = 0.03

/**
 * Everything wrong with the sizes of one package: budgets that are passed, figures that are not so.
 *
 * @param {readonly Figure[]} figures
 * @param {string} readme
 * @returns {string[]}
 */
export function sizeFindings(figures, readme) {
  return figures.flatMap(({ name, text, bytes, budget }) => {
    const [weight = 0] = bytes
    const said = rowOf(name).exec(readme)?.[2]
    const given = [...(said ?? '').matchAll(/([\d.]+) kB/g)].map(
      ([, number]) => Number(number) * 1000,
    )
    const isOff =
      given.length !== bytes.length ||
      given.some((value, index) => !isNear(value, /** @type {number} */ (bytes[index])))
    return [
      ...(budget === undefined ? [`${name} has no budget in tools/sizes/budgets.mjs`] : []),
      ...(budget !== undefined && weight > budget
        ? [`${name} is ${text}, over ${budget} bytes`]
        : []),
      ...(said === undefined ? [`README.md has no size of ${name}`] : []),
      ...(said !== undefined && isOff ? [`README.md says ${said} of ${name}: it is ${text}`] : []),
    ]
  })
}

/**
 * @param {readonly Figure[]} figures
 * @param {string} readme
 * @returns {string} the README with these figures
 */
export function writeSizes(figures, readme) {
  return figures.reduce(
    (result, { name, text }) =>
      result.replace(
        rowOf(name),
        (_, before, said) => `${before}${text.padEnd(String(said).length)} |`,
      ),
    readme,
  )
}

/**
 * Figures have one decimal: half of its last place is no difference.
 *
 * @param {number} said
 * @param {number} bytes
 */
const isNear = (said, bytes) => Math.abs(said - bytes) <= Math.max(bytes * TOLERANCE, 50)

/**
 * The row of a table that begins with a name and ends with a size.
 *
 * @param {string} name
 */
const rowOf = (name) =>
  new RegExp(
    `^(\\| \`?${name.replaceAll('.', '\\.')}\`? +\\|(?:.*\\|)? +)(\\S[^|]*kB[^|]*?) *\\|$`,
    'm',
  )

/**
 * @param {import('./workspace.mjs').Member} member
 * @param {readonly import('./workspace.mjs').Member[]} published
 * @returns {Promise<Figure[]>}
 */
async function measure({ folder, manifest }, published) {
  /** @type {Figure[]} */
  const figures = []
  for (const [subpath, target] of publicSubpaths(manifest)) {
    const name = manifest.name + subpath.slice(1)
    const outside = layerRules[manifest.name]?.outside?.[subpath] ?? []
    const { initial, onDemand } = await gzippedSize(join(folder, fileFor(target) ?? ''), outside)
    const later = onDemand === 0 ? '' : ` + ${kilobytes(onDemand)} on demand`
    figures.push({
      name,
      text: kilobytes(initial) + later,
      bytes: onDemand === 0 ? [initial] : [initial, onDemand],
      budget: gzipBudgets[name],
    })
  }
  if (manifest.name !== unpackedBudget.packages.at(-1)) return figures
  const layers = published.filter(({ manifest: { name } }) =>
    unpackedBudget.packages.includes(name),
  )
  const bytes = layers.reduce((sum, layer) => sum + unpackedSize(layer.folder), 0)
  const name = 'all four layers, installed'
  return [
    ...figures,
    { name, text: kilobytes(bytes), bytes: [bytes], budget: unpackedBudget.bytes },
  ]
}

/** @param {number} bytes */
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const published = readPublished(join(import.meta.dirname, '..'))
  for (const member of published.filter(({ group }) => group === 'packages')) {
    const readme = join(member.folder, 'README.md')
    const figures = await measure(member, published)
    if (argv[2] === '--write')
      writeFileSync(readme, writeSizes(figures, readFileSync(readme, 'utf8')))
    const findings = sizeFindings(figures, readFileSync(readme, 'utf8'))
    for (const { name, text } of figures) console.log(`${name.padEnd(32)} ${text}`)
    for (const finding of findings) console.log(`  ${finding}`)
    if (findings.length > 0) process.exitCode = 1
  }
}
