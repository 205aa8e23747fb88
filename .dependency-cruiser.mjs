// What may import what: `depcruise` checks sources and tests, `pnpm lint` runs it.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [devDependencies]
 */

const root = import.meta.dirname
const members = ['packages', 'internal', 'apps'].flatMap((group) =>
  readdirSync(join(root, group)).map((name) => {
    const folder = `${group}/${name}`
    const text = readFileSync(join(root, folder, 'package.json'), 'utf8')
    return { group, folder, manifest: /** @type {Manifest} */ (JSON.parse(text)) }
  }),
)

/**
 * Sources import the members that their package.json lists, and of published ones the public subpaths.
 * Apps also bundle private packages, which need not be installed beside them.
 */
const declaredMembers = members.map(({ group, folder, manifest }) => {
  const { dependencies, devDependencies } = manifest
  const declared = Object.keys({
    ...dependencies,
    ...(group === 'packages' ? {} : devDependencies),
  })
  const allowed = members
    .filter(({ manifest: { name } }) => declared.includes(name))
    .filter((other) => other.group === 'internal' || manifest.dependencies?.[other.manifest.name])
    .map((other) => `^${other.folder}/${other.group === 'internal' ? 'src' : 'dist'}/`)
  return {
    name: `declared-members-of-${folder.replace('/', '-')}`,
    severity: 'error',
    from: { path: `^${folder}/src/` },
    to: {
      path: '^(packages|internal|apps|tests|tools|bench)/',
      pathNot: [`^${folder}/`, ...allowed],
    },
  }
})

const SOURCES = { path: '^(packages|internal|apps)/[^/]+/src/' }
const TEST_HELPERS = '^internal/testing/'

export default {
  forbidden: [
    {
      name: 'no-circle',
      comment: 'Files that import each other cannot be understood one at a time.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'stay-inside',
      comment: 'A relative import of a file of another member bypasses both manifests.',
      severity: 'error',
      // These pack the workspace, with the code of tools.
      from: {
        path: '^((?:packages|internal|apps|tests)/[^/]+|bench)/',
        pathNot: '^tests/(?:packed|examples|deploy)/',
      },
      to: { dependencyTypes: ['local'], pathNot: ['^$1/', '/dist/'] },
    },
    {
      name: 'no-undeclared-package',
      comment: 'It would be bundled unnoticed, or missing where the package is installed.',
      severity: 'error',
      from: { ...SOURCES, pathNot: TEST_HELPERS },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        // Optional peers, which are also installed here for the tests.
        dependencyTypesNot: ['npm-peer'],
        // In the bundle of the page on purpose.
        pathNot: '/node_modules/markdown-it/',
      },
    },
    {
      name: 'not-unresolvable',
      severity: 'error',
      from: SOURCES,
      to: { couldNotResolve: true },
    },
    ...declaredMembers,
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: '^(internal/testing/data|tests/conformance/runtimes)/' },
    // Types, too: an import of a type is a dependency.
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
}
