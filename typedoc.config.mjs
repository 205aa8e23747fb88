import { join, relative } from 'node:path'
import { env } from 'node:process'
import { Converter } from 'typedoc'
import { publicSubpaths, readPublished } from './tools/workspace.mjs'

const root = import.meta.dirname

/** The source of every public subpath; the file for pages has the types of the main entry. */
const sources = readPublished(root).flatMap(({ folder, manifest }) =>
  publicSubpaths(manifest)
    .filter(([subpath, , types]) => subpath !== './browser' && types !== undefined)
    .map(([subpath, , types]) => {
      const source = types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts')
      return [manifest.name + subpath.slice(1), relative(root, join(folder, source))]
    }),
)
const names = new Map(sources.map(([name, source]) => [join(root, source), name]))

/**
 * Names the modules as programs import them, instead of by their files.
 *
 * @param {import('typedoc').Application} app
 */
export const importNames = ({ converter }) => {
  converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.children ?? []) {
      const file = project.getSymbolIdFromReflection(module)?.fileName ?? ''
      module.name = names.get(file) ?? module.name
    }
  })
}

const platform = ['./packages/client/src/platform/node.ts']

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  name: 'NOMYO for TypeScript',
  entryPoints: sources.map(([, source]) => source),
  tsconfig: 'tsconfig.typedoc.json',
  compilerOptions: {
    // Typedoc reads the entry points alone, which name no ambient module.
    types: ['node', './packages/transport/src/undici/agent.d.ts'],
    paths: {
      ...Object.fromEntries(sources.map(([name, source]) => [name, [`./${source}`]])),
      '#platform': platform,
    },
  },
  out: 'docs-api',
  plugin: [importNames],
  readme: 'none',
  // As a part of the documentation site.
  navigationLinks: env.NOMYO_DOCS_SITE === undefined ? {} : { Guides: env.NOMYO_DOCS_SITE },
  disableSources: true,
  excludeExternals: true,
  excludePrivate: true,
  excludeInternal: true,
  requiredToBeDocumented: [
    'Class',
    'Function',
    'Interface',
    'TypeAlias',
    'Variable',
    'Enum',
    'Method',
  ],
  validation: { notExported: false, invalidLink: true, notDocumented: true },
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
}
