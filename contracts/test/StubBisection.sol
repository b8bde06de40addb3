// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBisection} from "../interfaces/IBisection.sol";
import {JobId} from "../types/JobTypes.sol";

/// @title StubBisection
/// @notice Test double: anybody may say how a match ends, and nobody can play it.
contract StubBisection {
    address public immutable JURY;
    uint40 public immutable LONGEST;

    mapping(bytes32 key => IBisection.Outcome) public outcomes;
    mapping(bytes32 key => address) public purses;
    IBisection.Match private _last;

    constructor(address jury, uint40 longest) {
        (JURY, LONGEST) = (jury, longest);
    }

    /// @param purse where the loser's fee goes; zero: no juror was asked
    function decide(
        address verifier,
        JobId id,
        uint8 number,
        uint8 claim,
        IBisection.Outcome outcome,
        address purse
    ) external {
        bytes32 key = keyOf(verifier, id, number, claim);
        (outcomes[key], purses[key]) = (outcome, purse);
    }

    function open(IBisection.Match calldata disputed) external {
        bytes32 key = keyOf(msg.sender, disputed.id, disputed.number, disputed.claim);
        require(outcomes[key] == IBisection.Outcome.None, IBisection.MatchOpen(key));
        outcomes[key] = IBisection.Outcome.Running;
        _last = disputed;
    }

    function last() external view returns (IBisection.Match memory) {
        return _last;
    }

    function outcomeOf(address verifier, JobId id, uint8 number, uint8 claim)
        external
        view
        returns (IBisection.Outcome)
    {
        return outcomes[keyOf(verifier, id, number, claim)];
    }

    function purseOf(address verifier, JobId id, uint8 number, uint8 claim) external view returns (address) {
        return purses[keyOf(verifier, id, number, claim)];
    }

    function MAX_TIME(uint32, uint32) external view returns (uint40) {
        return LONGEST;
    }

    function keyOf(address verifier, JobId id, uint8 number, uint8 claim) public pure returns (bytes32) {
        return keccak256(abi.encode(verifier, id, number, claim));
    }
}
