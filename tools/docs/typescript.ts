import { join } from 'node:path'
import ts from 'typescript'
import type { Block } from './markdown.js'

const LANGUAGES = ['ts', 'typescript', 'js', 'javascript', 'mjs', 'html']

export const isProgram = ({ language }: Block) => LANGUAGES.includes(language)

/**
 * Compiles programs, each as a module of the project in `folder`, with the settings of a new project:
 * strict, and modules as Node resolves them.
 */
export function typeFindings(blocks: readonly Block[], folder: string): string[] {
  const sources = new Map(
    blocks.filter(isProgram).map((block, index) => {
      const extension = /^(?:ts|typescript)$/.test(block.language) ? 'ts' : 'js'
      return [join(folder, `block-${index}.${extension}`), { block, text: moduleOf(block) }]
    }),
  )
  const options: ts.CompilerOptions = {
    strict: true,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    typeRoots: [join(folder, 'node_modules/@types')],
    allowJs: true,
    checkJs: true,
    skipLibCheck: true,
    noEmit: true,
  }
  const host = ts.createCompilerHost(options)
  const program = ts.createProgram([...sources.keys()], options, {
    ...host,
    getCurrentDirectory: () => folder,
    fileExists: (path) => sources.has(path) || host.fileExists(path),
    readFile: (path) => sources.get(path)?.text ?? host.readFile(path),
    getSourceFile: (path, version) => {
      const text = sources.get(path)?.text
      return text === undefined
        ? host.getSourceFile(path, version)
        : ts.createSourceFile(path, text, version)
    },
  })
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => describe(diagnostic, sources))
}

/**
 * Converts a block to a module: the declarations of `setup`, then its code, in which the name of a package
 * replaces the spellings of browsers and Deno.
 */
export function moduleOf({ setup, code, language }: Block): string {
  const script = language === 'html' ? scriptsOf(code) : code
  const named = script
    .replace(/(['"])https:\/\/unpkg\.com\/([\w@/-]+?)@[^'"]*\1/g, "'$2'")
    .replace(/(['"])npm:(@?[\w./-]+)(?:@[^'"]*)?\1/g, "'$2'")
  return `${setup === '' ? '' : `${setup}\n`}${named}\nexport {}\n`
}

/** Extracts the scripts of a page, at their lines. */
function scriptsOf(page: string): string {
  let inside = false
  return page
    .split('\n')
    .map((line) => {
      if (/<\/?script/.test(line)) inside = !line.includes('</script')
      return inside && !line.includes('<script') ? line : ''
    })
    .join('\n')
}

function describe(
  { file, start, messageText, code }: ts.Diagnostic,
  sources: ReadonlyMap<string, { block: Block; text: string }>,
): string {
  const message = `TS${code} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
  const source = file && sources.get(file.fileName)
  if (file === undefined || source === undefined)
    return `${file?.fileName ?? 'compiler'}: ${message}`
  const { block } = source
  const { line } = file.getLineAndCharacterOfPosition(start ?? 0)
  const hidden = block.setup === '' ? 0 : block.setup.split('\n').length
  const at = line < hidden ? `${block.line} (setup)` : block.line + line - hidden
  return `${block.file}:${at}: ${message}`
}
