from hypothesis import given
from hypothesis import strategies as st

from ironstream.topology.model import Alarm, Condition
from ironstream.topology.patterns import AlarmIndex, IdentityPattern

NAMES = st.sampled_from(["a", "b", "pump-1", "pump-2", "Pump-1"])
PATTERNS = st.sampled_from(["*", "a", "b", "pump-*", "pump-?", "pump-[13]", "pump-1", "***"])


def alarm(tenant: str = "*", site: str = "*", asset: str = "*", parameter: str = "*") -> Alarm:
    condition = Condition(above=1.0)
    return Alarm(id="x", type="t", tenant=tenant, site=site, asset=asset, parameter=parameter, condition=condition)


def test_a_pattern_matches_as_in_a_shell_and_case_counts() -> None:
    pattern = IdentityPattern(alarm(asset="pump-[12]", parameter="t*"))

    assert pattern.matches_asset("any", "where", "pump-2")
    assert not pattern.matches_asset("any", "where", "pump-3")
    assert not pattern.matches_asset("any", "where", "Pump-2")
    assert pattern.matches_parameter("temperature")
    assert not pattern.matches_parameter("pressure")


@given(st.lists(st.tuples(PATTERNS, PATTERNS, PATTERNS, PATTERNS), max_size=8), NAMES, NAMES, NAMES, NAMES)
def test_the_index_finds_what_trying_every_rule_finds_in_the_same_order(
    rules: list[tuple[str, str, str, str]], tenant: str, site: str, asset: str, parameter: str
) -> None:
    alarms = [alarm(*patterns) for patterns in rules]
    index = AlarmIndex((rule, number) for number, rule in enumerate(alarms))
    of_asset = [n for n, rule in enumerate(alarms) if IdentityPattern(rule).matches_asset(tenant, site, asset)]

    assert index.matching(tenant, site, asset, None) == of_asset
    assert index.matching(tenant, site, asset, parameter) == [
        number for number in of_asset if IdentityPattern(alarms[number]).matches_parameter(parameter)
    ]
