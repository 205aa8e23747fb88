/** Follows the system until a theme is chosen; the choice lasts as long as the page. */
export function followTheme(choice: HTMLSelectElement): void {
  const apply = (): void => {
    if (choice.value === 'system') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = choice.value
  }
  choice.addEventListener('change', apply)
  // Browsers keep the choices of a form over a reload.
  apply()
}
