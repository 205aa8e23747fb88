import type { Block } from './markdown.js'
import { spawn } from 'node:child_process'
import { parseAllDocuments } from 'yaml'

/** Languages of output and drawings. */
const NOT_CHECKED = ['', 'text']
/** Languages that typescript.ts checks. */
const PROGRAMS = ['ts', 'typescript', 'js', 'javascript', 'mjs', 'html']

export const isShell = ({ language }: Block) => ['sh', 'bash'].includes(language)

/** Checks a block as a text of its language. */
export async function syntaxFindings(block: Block): Promise<string[]> {
  const fault = await faultOf(block)
  return fault === undefined ? [] : [`${block.file}:${block.line}: ${fault}`]
}

function faultOf({ language, code }: Block): Promise<string | undefined> | string | undefined {
  if (NOT_CHECKED.includes(language) || PROGRAMS.includes(language)) return undefined
  switch (language) {
    case 'sh':
      return askProgram('sh', ['-n'], code)
    case 'bash':
      return askProgram('bash', ['-n'], code)
    case 'python':
      return askProgram('python3', ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'], code)
    case 'json':
      return jsonFault(code)
    case 'yaml':
      return parseAllDocuments(code).flatMap(({ errors }) => errors)[0]?.message
    default:
      return `nothing checks blocks of ${language}`
  }
}

function jsonFault(code: string): string | undefined {
  try {
    JSON.parse(code)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Runs a program that checks a text; finds nothing where the program is missing. */
function askProgram(
  program: string,
  parameters: readonly string[],
  text: string,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, parameters, { stdio: ['pipe', 'ignore', 'pipe'] })
    let output = ''
    child.stderr.on('data', (bytes: Buffer) => (output += bytes.toString()))
    child.on('error', () => resolve(undefined))
    child.on('close', (code) =>
      resolve(code === 0 ? undefined : output.trim().replace(/\s+/g, ' ')),
    )
    child.stdin.on('error', () => undefined)
    child.stdin.end(text)
  })
}
