"""Is what we are about to write valid FHIR, of a type that we write, and about the right patient?"""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from fhir_adapters.errors import NotWritable
from fhir_adapters.quarantine import Json
from fhir_adapters.references import patient_id
from fhir_adapters.writeback.bindings import REQUIRED, WRITABLE


def check(resource: Json) -> None:
    """Raises `NotWritable` unless the R4B model accepts the resource and every code with a required binding is one of its codes."""
    for problem in problems(resource):
        raise NotWritable(problem)


def problems(resource: Json) -> Iterator[str]:
    """What is wrong, as element and reason; never a value."""
    from fhir.resources.R4B import get_fhir_model_class  # half a second, and only who authors needs it

    name = str(resource.get("resourceType"))
    try:
        model: Any = get_fhir_model_class(name)
        instance = model.model_validate(resource)
    except ValidationError as error:
        for each in error.errors(include_input=False, include_url=False):
            yield f"{name}: {'.'.join(map(str, each['loc']))}: {each['type']}"
    except (KeyError, ValueError, ImportError, AttributeError, TypeError) as error:
        yield f"{name}: not a resource that the models know ({type(error).__name__})"
    else:
        yield from _outside(instance, name)


def check_subject(resource: Json, type: str, patient: str) -> None:
    """Raises `NotWritable` unless the resource is a ``type`` that we write, about ``patient``."""
    if type not in WRITABLE or resource.get("resourceType") != type:
        raise NotWritable(f"only {', '.join(WRITABLE)} are written")
    element = WRITABLE[type]
    if patient_id(resource.get(element)) != patient:
        raise NotWritable(f"{type}.{element} is not the patient of the key")


def _outside(value: Any, path: str) -> Iterator[str]:
    """Elements whose code is none of the required ones. ``path`` begins at the innermost resource or data type: ``Timing.repeat.when``."""
    if isinstance(value, list):
        for item in value:
            yield from _outside(item, path)
    elif isinstance(value, BaseModel):
        own = _type_of(value, path)
        for name in sorted(value.model_fields_set):
            yield from _outside(getattr(value, name), f"{own}.{type(value).model_fields[name].alias or name}")
    elif path in REQUIRED and value is not None and value not in REQUIRED[path]:
        yield f"{path}: not one of its codes"


def _type_of(model: BaseModel, path: str) -> str:
    """Resources and data types are named by their class; a part of one (``TimingRepeat``) by its place in it (``Timing.repeat``)."""
    name = type(model).__name__
    return path if name.lower() == path.replace(".", "").lower() else name
