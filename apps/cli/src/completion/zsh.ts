import type { CompletedCommand, CompletedOption } from './words.js'

/** A script for zsh 5, for a folder of `$fpath`. */
export function zshCompletion(commands: readonly CompletedCommand[]): string {
  return `#compdef nomyo
# zsh completion of nomyo
_nomyo() {
  local place="" word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$place $word" in
      ${commands
        .filter(({ path }) => path !== '')
        .map(({ path }) => `" ${path}"`)
        .join('|')}) place="$place $word" ;;
    esac
  done
  case "$place" in
${commands.map(branch).join('\n')}
  esac
}
if [[ "$funcstack[1]" == _nomyo ]]; then _nomyo "$@"; else compdef _nomyo nomyo; fi`
}

function branch({ path, words, options, takesPaths }: CompletedCommand): string {
  const operands = takesPaths
    ? ["'*:file:_files'"]
    : words.length > 0
      ? [`'*:word:((${words.map(({ name, about }) => `${name}\\:${escaped(about)}`).join(' ')}))'`]
      : []
  const all = [...options.map(describe), ...operands].join(' \\\n        ')
  return `    "${path === '' ? '' : ` ${path}`}")
      _arguments \\
        ${all} ;;`
}

function describe({ name, about, value }: CompletedOption): string {
  const text = about.replace(/'/g, '’').replace(/[[\]:\\]/g, '\\$&')
  const behind =
    value === 'none'
      ? ''
      : value === 'path'
        ? ':file:_files'
        : value === 'any'
          ? ':value: '
          : `:value:(${value.join(' ')})`
  return `'*${name}[${text}]${behind}'`
}

/** Inside of quotes and brackets, where blanks part words. */
const escaped = (text: string): string => text.replace(/'/g, '’').replace(/[\s:()\\;|&]/g, '\\$&')
