"""Loads a script so that each of its statements is tried by itself.

An emulator that cannot do one thing would otherwise hide all that comes after. What a statement raises goes to `forgive`, with
its text and the names of the checks written in it; the script goes on with the next.
"""

import ast
import types

CHECKS = {"same", "refused", "until"}
# What raises nothing, or must stay first.
LEFT = (ast.FunctionDef, ast.Import, ast.ImportFrom, ast.Pass, ast.Break, ast.Continue)


def load(path, forgive):
    """The script as a module."""
    source = path.read_text()
    tree = ast.parse(source, path)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            rewrite(node)
    module = types.ModuleType(f"conformance_{path.stem}")
    module.__dict__["__forgive__"] = forgive
    exec(compile(ast.fix_missing_locations(tree), path, "exec"), module.__dict__)
    return module


def rewrite(node):
    """Guards the statements below `node`, innermost first."""
    # What a `try` tries is for its own handlers.
    for field in ("orelse", "finalbody") if isinstance(node, ast.Try) else ("body", "orelse", "finalbody"):
        statements = getattr(node, field, None)
        if isinstance(statements, list) and not isinstance(node, ast.Lambda):
            for statement in statements:
                rewrite(statement)
            setattr(node, field, [guarded(statement) for statement in statements])


def guarded(statement):
    if isinstance(statement, LEFT):
        return statement
    # Checks of statements inside this one are theirs to name.
    own = [] if hasattr(statement, "body") else names(statement)
    text = ast.unparse(statement).split("\n")[0]
    arguments = [ast.Constant(text), ast.Tuple([ast.Constant(name) for name in own], ast.Load())]
    call = ast.Expr(ast.Call(ast.Name("__forgive__", ast.Load()), arguments, []))
    handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [call])
    return ast.copy_location(ast.Try([statement], [handler], [], []), statement)


def names(statement):
    """The first arguments of the checks in a statement, as far as they are plain text."""
    return [
        call.args[0].value for call in ast.walk(statement)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in CHECKS
        and call.args and isinstance(call.args[0], ast.Constant)
    ]
