import { existsSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { packageNameOf, readManifest, runtimeDependencies } from '../workspace.mjs'

/**
 * @typedef {import('eslint').Rule.RuleModule} RuleModule
 * @typedef {import('eslint').Rule.RuleContext} RuleContext
 * @typedef {import('eslint').Rule.Node} Node
 */

/**
 * The rules ESLint has no equal for, because they need to know where a package ends and what its
 * package.json says. Dynamic imports and `import('…')` types count like any other.
 *
 * @type {import('eslint').ESLint.Plugin}
 */
export const packageBoundaries = {
  rules: {
    /** `../../other/src/x.js` would tie two packages together behind the back of both manifests. */
    'stay-inside': rule(
      'A relative import must stay inside its package.',
      (specifier, filename) => {
        if (!specifier.startsWith('.')) return true
        const path = relative(packageFolder(filename), resolve(dirname(filename), specifier))
        return path !== '..' && !/^\.\.[\\/]/.test(path)
      },
    ),
    /** Anything else would be bundled into dist unnoticed, or missing where the package is installed. */
    'declared-only': rule(
      'Sources import only what is under "dependencies" in their package.json; apps also bundle @nomyo-internal packages.',
      (specifier, filename) => {
        if (specifier.startsWith('.') || isBuiltin(specifier)) return true
        const manifest = readManifest(packageFolder(filename))
        if (Object.hasOwn(manifest.imports ?? {}, specifier)) return true
        const name = packageNameOf(specifier)
        if (name.startsWith('@nomyo-internal/')) return mayBundle(filename, manifest, name)
        return name === manifest.name || runtimeDependencies(manifest).includes(name)
      },
    ),
    /** What a package does not export may change without notice. */
    'public-subpaths': rule(
      'Import the public subpath of a package, not a file of its src or dist.',
      (specifier) =>
        !/^(?:@nomyo(?:-internal)?\/[^/]+|nomyo-js)\/(?:src|dist)(?:\/|$)/.test(specifier),
    ),
  },
}

/**
 * Whether a file may import a private package: the build of an app bundles it, the build of a published
 * package does not.
 *
 * @param {string} filename
 * @param {import('../workspace.mjs').Manifest} manifest
 * @param {string} name
 */
function mayBundle(filename, manifest, name) {
  const isPublishedPackage = dirname(packageFolder(filename)).endsWith('packages')
  const { dependencies, devDependencies } = manifest
  return !isPublishedPackage && Object.hasOwn({ ...dependencies, ...devDependencies }, name)
}

/**
 * A rule that judges the specifier of every import.
 *
 * @param {string} message
 * @param {(specifier: string, filename: string) => boolean} isAllowed
 * @returns {RuleModule}
 */
function rule(message, isAllowed) {
  return {
    meta: { type: 'problem', schema: [], messages: { refused: message } },
    create(context) {
      /** @param {Node} node */
      const check = (node) => {
        const specifier = specifierOf(node)
        if (specifier === undefined || isAllowed(specifier, context.filename)) return
        context.report({ node, messageId: 'refused' })
      }
      return {
        ImportDeclaration: check,
        ImportExpression: check,
        ExportNamedDeclaration: check,
        ExportAllDeclaration: check,
        TSImportType: check,
      }
    },
  }
}

/**
 * @param {Node} node
 * @returns {string | undefined}
 */
function specifierOf(node) {
  const source = 'source' in node ? node.source : undefined
  return source?.type === 'Literal' && typeof source.value === 'string' ? source.value : undefined
}

/**
 * The nearest folder above a file that has a package.json.
 *
 * @param {string} filename
 * @returns {string}
 */
function packageFolder(filename) {
  const folder = dirname(filename)
  if (existsSync(join(folder, 'package.json')) || folder === filename) return folder
  return packageFolder(folder)
}
